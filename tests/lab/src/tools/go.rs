//! Building a tools module with the machine's own Go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::programs::{MODULES, Module, Programs, provided};
use crate::command::{self, bound, run};
use crate::lock::{self, Lock};
use crate::progress::{Event, Progress, step};

/// Where the tools modules are in the checkout.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools");

/// The oldest Go that builds this Kubernetes release, as (major, minor).
const OLDEST_GO: (u32, u32) = (1, 26);

/// The packages in which a Kubernetes binary keeps its version; without a stamp `/version` says
/// v0.0.0, and whoever compares versions refuses.
const VERSION_PACKAGES: [&str; 2] = [
    "k8s.io/component-base/version",
    "k8s.io/client-go/pkg/version",
];

/// A constant instead of the clock: the same inputs make the same binary.
const BUILD_DATE: &str = "2026-09-15T00:00:00Z";

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
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// go.mod requires no Kubernetes, although the module is named after it.
    #[error("{} does not require k8s.io/kubernetes vMAJOR.MINOR.PATCH", .0.display())]
    NoVersion(PathBuf),
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

fn build_module(
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
    fs::create_dir_all(&folder).map_err(|source| Error::File {
        action: "create",
        path: folder.clone(),
        source,
    })?;
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
            fs::rename(&unfinished, &path).map_err(|source| Error::File {
                action: "rename",
                path: unfinished,
                source,
            })
        })?;
    }
    Ok(folder)
}

/// Go's flags: small binaries that are the same wherever they are built.
fn flags(module: &Module, source: &Path) -> Result<Vec<String>, Error> {
    let mut linker = "-s -w".to_owned();
    if module.name == "kubernetes" {
        let path = source.join("go.mod");
        let version = kubernetes_version(&String::from_utf8_lossy(&read(&path)?))
            .ok_or(Error::NoVersion(path))?;
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (numbers.next().unwrap_or(""), numbers.next().unwrap_or(""));
        for package in VERSION_PACKAGES {
            for (name, value) in [
                ("gitVersion", version.as_str()),
                ("gitMajor", major),
                ("gitMinor", minor),
                ("gitTreeState", "clean"),
                ("gitCommit", version.as_str()),
                ("buildDate", BUILD_DATE),
            ] {
                linker.push_str(&format!(" -X {package}.{name}={value}"));
            }
        }
    }
    Ok(vec![
        "-trimpath".to_owned(),
        "-buildvcs=false".to_owned(),
        "-ldflags".to_owned(),
        linker,
    ])
}

/// The version in go.mod's line `k8s.io/kubernetes vX.Y.Z`.
fn kubernetes_version(go_mod: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let line = line.trim().trim_start_matches("require ");
        let version = line
            .strip_prefix("k8s.io/kubernetes v")?
            .split_whitespace()
            .next()?;
        (version.split('.').count() == 3).then(|| format!("v{version}"))
    })
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
    fs::read(path).map_err(|source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
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
    fn the_stamp_is_the_version_that_go_mod_requires() {
        let go_mod = "replace k8s.io/api => k8s.io/api v0.37.1\n\tk8s.io/kubernetes v1.37.1\n";
        assert_eq!(kubernetes_version(go_mod), Some("v1.37.1".to_owned()));
        assert_eq!(kubernetes_version("k8s.io/kubernetes/x v1.37.1"), None);
        let source = Path::new(TOOLS).join("kubernetes");
        let flags = flags(&MODULES[0], &source).unwrap().join(" ");
        assert!(
            flags.contains("k8s.io/client-go/pkg/version.gitMinor=37"),
            "{flags}"
        );
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
        for module in &MODULES {
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
