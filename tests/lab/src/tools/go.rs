//! Building a tools module with the machine's own Go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::programs::{Client, MODULES, Module, Programs, provided};
use super::stamp::required_version;
use crate::command::{self, bound, run};
use crate::file::{FileError, fail};
use crate::lock::{self, Lock};
use crate::progress::{Event, Progress, step};

/// Where the tools modules are in the checkout.
pub(super) const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools");

/// The oldest Go that builds this Kubernetes release, as (major, minor).
const OLDEST_GO: (u32, u32) = (1, 26);

/// Hex digits of the key in a folder's name.
const KEY_DIGITS: usize = 16;

/// What went wrong while the tools were built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `go` failed.
    #[error("cannot build {program}")]
    Build {
        /// The program.
        program: &'static str,
        /// What go said.
        source: command::Error,
    },
    /// `go env` failed.
    #[error("cannot ask go for its version")]
    Version(#[source] command::Error),
    /// A file of the module or the cache could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// go.mod does not require what the module is there for.
    #[error("{} does not require {module} vMAJOR.MINOR.PATCH", path.display())]
    NoVersion {
        /// The go.mod.
        path: PathBuf,
        /// The module that it should require.
        module: &'static str,
    },
    /// A module does not hold what it is known to hold.
    #[error("module {module} has no {}", path.display())]
    NotInModule {
        /// The module.
        module: &'static str,
        /// What was looked for.
        path: PathBuf,
    },
    /// The lock between two builders failed.
    #[error(transparent)]
    Lock(#[from] lock::Error),
}

/// The machine's Go, as far as it matters for the binaries.
#[derive(Clone, Debug)]
pub(crate) struct Go {
    /// For example `go1.26.8 linux amd64`.
    target: String,
}

/// Finds Go; `Err` holds the reason why this machine's Go does not do, for a person.
pub(crate) fn find_go() -> Result<Go, String> {
    let oldest = format!("Go {}.{} or newer", OLDEST_GO.0, OLDEST_GO.1);
    // Outside of any module, so that no toolchain line decides which Go answers.
    let asked = run(Command::new("go")
        .args(["env", "GOVERSION", "GOTOOLCHAIN", "GOOS", "GOARCH"])
        .current_dir("/"));
    let Ok(answer) = asked else {
        return Err(oldest);
    };
    let [version, toolchain, os, arch] = answer.lines().collect::<Vec<_>>()[..] else {
        return Err(oldest);
    };
    // A Go that may fetch toolchains fetches the one that go.mod asks for.
    let recent = parse_version(version).is_some_and(|found| found >= OLDEST_GO);
    if recent || (toolchain != "local" && parse_version(version) >= Some((1, 21))) {
        Ok(Go {
            target: format!("{version} {os} {arch}"),
        })
    } else {
        Err(format!("{oldest} (found {version})"))
    }
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix("go")?.split(['.', '-', ' ']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Builds every program that nobody provides and the cache does not hold yet.
///
/// `go` may be `None` only when nothing has to be built.
pub(crate) fn build(
    cache: &Path,
    go: Option<&Go>,
    progress: &mut dyn Progress,
) -> Result<Programs, Error> {
    let mut folders = Vec::new();
    for module in &MODULES {
        if let Some(go) = go {
            folders.push((module, build_module(module, cache, go, progress)?));
        }
    }
    Programs::locate(|program| {
        let built = folders
            .iter()
            .find(|(module, _)| module.programs.iter().any(|(name, _)| *name == program))
            .map(|(_, folder)| folder.join(program));
        Ok(provided(program)
            .or(built)
            .unwrap_or_else(|| PathBuf::from(program)))
    })
}

/// A client, built if nobody provides it and the cache does not hold it yet.
pub(crate) fn build_client(
    client: Client,
    cache: &Path,
    go: &Go,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Error> {
    let name = client.name();
    match provided(name) {
        Some(program) => Ok(program),
        None => Ok(build_module(client.module(), cache, go, progress)?.join(name)),
    }
}

/// The folder with the module's programs, those built that are not there yet.
pub(super) fn build_module(
    module: &Module,
    cache: &Path,
    go: &Go,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Error> {
    let source = Path::new(TOOLS).join(module.name);
    let flags = flags(module, &source)?;
    let key = key(
        &read(&source.join("go.mod"))?,
        &read(&source.join("go.sum"))?,
        &flags,
        go,
    );
    let folder = cache.join("tools").join(format!("{}-{key}", module.name));
    let missing = || {
        let missing = |(program, _): &&(&str, &str)| {
            provided(program).is_none() && !folder.join(program).exists()
        };
        module.programs.iter().filter(missing).collect::<Vec<_>>()
    };
    if missing().is_empty() {
        return Ok(folder);
    }
    let _lock = Lock::acquire(&folder.with_extension("lock"), || {
        progress.report(Event::Note(format!(
            "waiting: {} is being built",
            module.name
        )));
    })?;
    fs::create_dir_all(&folder).map_err(fail("create", &folder))?;
    let programs = missing();
    if !programs.is_empty() {
        progress.report(Event::Note(format!(
            "building {} programs of {} once, for the cache: minutes, on two cores a quarter of an hour",
            programs.len(),
            module.name
        )));
    }
    for (program, package) in programs {
        step(progress, &format!("build {program}"), |_| {
            // go writes here, and only a finished binary gets the name that others look for.
            let unfinished = folder.join(format!(".{program}.unfinished"));
            run(bound("go")
                .arg("build")
                .args(&flags)
                .arg("-o")
                .args([unfinished.as_os_str(), package.as_ref()])
                .current_dir(&source)
                .env("CGO_ENABLED", "0"))
            .map_err(|source| Error::Build { program, source })?;
            let path = folder.join(program);
            fs::rename(&unfinished, &path).map_err(fail("rename", &unfinished))?;
            Ok::<_, Error>(())
        })?;
    }
    Ok(folder)
}

/// Go's flags: small binaries that are the same wherever they are built.
fn flags(module: &Module, source: &Path) -> Result<Vec<String>, Error> {
    let mut linker = "-s -w".to_owned();
    if let Some(stamped) = module.stamp.module() {
        for variable in module.stamp.variables(&version(source, stamped)?) {
            linker.push_str(" -X ");
            linker.push_str(&variable);
        }
    }
    Ok(vec![
        "-trimpath".to_owned(),
        "-buildvcs=false".to_owned(),
        "-ldflags".to_owned(),
        linker,
    ])
}

/// The version of `module` that the go.mod in the folder `source` requires.
pub(super) fn version(source: &Path, module: &'static str) -> Result<String, Error> {
    let path = source.join("go.mod");
    let go_mod = read(&path)?;
    required_version(&String::from_utf8_lossy(&go_mod), module)
        .ok_or(Error::NoVersion { path, module })
}

/// Everything that could change a binary, as a name.
fn key(go_mod: &[u8], go_sum: &[u8], flags: &[String], go: &Go) -> String {
    let mut hash = Sha256::new();
    for part in [
        go_mod,
        go_sum,
        flags.join("\n").as_bytes(),
        go.target.as_bytes(),
    ] {
        // The length keeps the end of one part from passing for the beginning of the next.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    data_encoding::HEXLOWER.encode(&hash.finalize())[..KEY_DIGITS].to_owned()
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    Ok(fs::read(path).map_err(fail("read", path))?)
}

#[cfg(test)]
mod tests {
    use super::super::programs::CLOUDNATIVE_PG;
    use super::*;

    #[test]
    fn every_input_changes_the_key() {
        let go = |target: &str| Go {
            target: target.to_owned(),
        };
        let flags = vec!["-trimpath".to_owned()];
        let keys = [
            key(b"mod", b"sum", &flags, &go("go1.26.8 linux amd64")),
            key(b"mod2", b"sum", &flags, &go("go1.26.8 linux amd64")),
            key(b"mod", b"sum2", &flags, &go("go1.26.8 linux amd64")),
            key(b"mods", b"um", &flags, &go("go1.26.8 linux amd64")),
            key(b"mod", b"sum", &[], &go("go1.26.8 linux amd64")),
            key(b"mod", b"sum", &flags, &go("go1.26.9 linux amd64")),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(
            keys[0],
            key(b"mod", b"sum", &flags, &go("go1.26.8 linux amd64"))
        );
    }

    #[test]
    fn a_binary_is_stamped_with_what_go_mod_requires() {
        for (module, variable) in [
            (&MODULES[0], "k8s.io/client-go/pkg/version.gitMinor=37"),
            (&CLOUDNATIVE_PG, "pkg/versions.buildVersion=1.30.0"),
        ] {
            let flags = flags(module, &Path::new(TOOLS).join(module.name)).unwrap();
            assert!(flags.join(" ").contains(variable), "{flags:?}");
        }
    }

    #[test]
    fn versions_of_go_compare_as_numbers() {
        assert_eq!(parse_version("go1.26.8"), Some((1, 26)));
        assert_eq!(parse_version("go1.26-rc1"), Some((1, 26)));
        assert!(parse_version("go1.9") < parse_version("go1.26"));
        assert_eq!(parse_version("devel"), None);
    }

    #[test]
    fn every_program_of_go_mod_is_built() {
        let clients = Client::ALL.map(Client::module);
        for module in MODULES.iter().chain([&CLOUDNATIVE_PG]).chain(clients) {
            let go_mod = Path::new(TOOLS).join(module.name).join("go.mod");
            let text = fs::read_to_string(&go_mod).unwrap();
            for (program, package) in module.programs {
                assert!(
                    text.contains(package),
                    "{program}: {package} is no tool of {go_mod:?}"
                );
            }
        }
    }
}
