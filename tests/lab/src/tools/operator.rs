//! CloudNativePG's operator: its program, and the manifest and licence from the same module.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::go::{Error, Go, TOOLS, build_module, version};
use super::programs::CLOUDNATIVE_PG;
use crate::command::{bound, run};
use crate::file::fail;
use crate::progress::Progress;

/// The operator, as the cache holds it.
#[derive(Debug)]
pub(crate) struct Operator {
    /// Its version, without a `v`: `1.30.0`.
    pub(crate) version: String,
    /// The program.
    pub(crate) program: PathBuf,
    /// The objects that install it.
    pub(crate) manifest: PathBuf,
    /// Its licence, which goes wherever the program goes.
    pub(crate) licence: PathBuf,
}

/// The operator, built if the cache does not hold it yet.
pub(crate) fn build(cache: &Path, go: &Go, progress: &mut dyn Progress) -> Result<Operator, Error> {
    let module = CLOUDNATIVE_PG.stamp.module().unwrap_or(CLOUDNATIVE_PG.name);
    let source = Path::new(TOOLS).join(CLOUDNATIVE_PG.name);
    let version = version(&source, module)?;
    let plain = version.trim_start_matches('v').to_owned();
    let folder = build_module(&CLOUDNATIVE_PG, cache, go, progress)?;
    let operator = Operator {
        program: folder.join("manager"),
        manifest: folder.join("manifest.yaml"),
        licence: folder.join("LICENSE"),
        version: plain,
    };
    if operator.manifest.exists() && operator.licence.exists() {
        return Ok(operator);
    }
    // Copied, since Go's own cache may be emptied while this one is kept.
    let module_folder = module_folder(module, &source)?;
    let manifest = format!("releases/cnpg-{}.yaml", operator.version);
    for (from, to) in [
        (Path::new("LICENSE"), &operator.licence),
        (Path::new(&manifest), &operator.manifest),
    ] {
        let text = fs::read(module_folder.join(from)).map_err(|_| Error::NotInModule {
            module,
            path: from.to_owned(),
        })?;
        // Two that do this at once write the same; no reader meets half of it.
        let unfinished = to.with_extension(format!("unfinished-{}", std::process::id()));
        fs::write(&unfinished, text)
            .and_then(|()| fs::rename(&unfinished, to))
            .map_err(fail("write", to))?;
    }
    Ok(operator)
}

/// Where Go keeps the sources of a module that the go.mod in `source` requires.
fn module_folder(module: &'static str, source: &Path) -> Result<PathBuf, Error> {
    let answer = run(bound("go")
        .args(["mod", "download", "-json", module])
        .current_dir(source))
    .map_err(|source| Error::Build {
        program: "cloudnative-pg",
        source,
    })?;
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    answer["Dir"]
        .as_str()
        .map(PathBuf::from)
        .ok_or(Error::NotInModule {
            module,
            path: PathBuf::from("."),
        })
}
