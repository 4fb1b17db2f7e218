//! Programs by others that read what our tools write: clients of S3, and shells.
//!
//! | from | programs |
//! |---|---|
//! | Debian | `rclone`, `s3cmd`, `s3fs` (with FUSE), `zsh`, `fish`, `Rscript` (no package of Debian's speaks S3) |
//! | PyPI | `aws`, `duckdb`, and `python` with boto3, s3fs, pandas, pyarrow, polars and duckdb |
//!
//! The latter are in one virtual environment in the cache, of the versions and with the digests that
//! `tests/tools/consumers/requirements.txt` has. DuckDB would fetch its extensions for S3 from a server of
//! its own; here they come from PyPI too, and a home is given them by [`Consumers::settle`].

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::command::{self, bound, run};
use crate::directories;
use crate::file::{FileError, fail};
use crate::lock::{self, Lock};
use crate::packages;
use crate::progress::{Event, Progress, step};

/// What is installed, with digests.
const REQUIREMENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tools/consumers/requirements.txt"
);

/// Programs of Debian's, and their packages.
const PROGRAMS: [(&str, &str); 7] = [
    ("Rscript", "r-base-core"),
    ("fish", "fish"),
    ("python3", "python3"),
    ("rclone", "rclone"),
    ("s3cmd", "s3cmd"),
    ("s3fs", "s3fs"),
    ("zsh", "zsh"),
];

/// What Debian's Python lacks to make an environment; others bring it along.
const VENV: &str = "python3-venv";

/// Tells one Python from another.
const IDENTITY: &str = "import sys; print(sys.version, sys.base_prefix)";

/// Links the extensions to where DuckDB looks for those of its version and platform.
const LINK_EXTENSIONS: &str = r#"
import glob, os, sys, duckdb
[(version, platform)] = duckdb.sql("SELECT version(), (SELECT platform FROM pragma_platform())").fetchall()
folder = os.path.join(sys.argv[1], version, platform)
os.makedirs(folder)
for file in glob.glob(f"{sys.prefix}/lib/*/site-packages/duckdb_extension_*/extensions/{version}/*.duckdb_extension"):
    os.symlink(file, os.path.join(folder, os.path.basename(file)))
"#;

/// Hex digits of the key in a folder's name.
const KEY_DIGITS: usize = 16;

/// What went wrong while they were installed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Debian's could not be installed.
    #[error(transparent)]
    Packages(#[from] packages::Error),
    /// The Python environment could not be made.
    #[error("cannot make the Python environment")]
    Command(#[from] command::Error),
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The lock between two that install.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The cache is unknown.
    #[error(transparent)]
    Directories(#[from] directories::Error),
}

/// The programs of PyPI; Debian's are where all programs are.
#[derive(Clone, Debug)]
pub struct Consumers {
    folder: PathBuf,
}

impl Consumers {
    /// The folder that holds `aws`, `duckdb` and `python`, for the front of PATH.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// One of them.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }

    /// Gives a home what DuckDB fetches for it elsewhere, so that its programs find `httpfs` and `aws`.
    ///
    /// # Panics
    /// When the home cannot be written.
    #[track_caller]
    pub fn settle(&self, home: &Path) {
        let folder = home.join(".duckdb");
        let link =
            || std::os::unix::fs::symlink(extensions(&self.folder), folder.join("extensions"));
        let settled = fs::create_dir_all(&folder).and_then(|()| link());
        settled.expect("because the home is ours");
    }
}

/// The programs, installed if they are not there yet.
pub(crate) fn provide(cache: &Path, progress: &mut dyn Progress) -> Result<Consumers, Error> {
    packages::provide(cache, &PROGRAMS, progress)?;
    let path = Path::new(REQUIREMENTS);
    let requirements = fs::read(path).map_err(fail("read", path))?;
    let identity = run(python("python3").args(["-c", IDENTITY]))?;
    let mut hash = Sha256::new();
    hash.update(requirements.len().to_le_bytes());
    hash.update(&requirements);
    hash.update(identity);
    let key = &data_encoding::HEXLOWER.encode(&hash.finalize())[..KEY_DIGITS];
    let folder = cache.join("consumers").join(key);
    let consumers = Consumers {
        folder: folder.clone(),
    };
    // Written last: an environment has its own path in its files, so that it cannot be renamed when whole.
    let whole = folder.join("whole");
    if whole.exists() {
        return Ok(consumers);
    }
    let _lock = Lock::acquire(&folder.with_extension("lock"), || {
        progress.report(Event::Note(
            "waiting: PyPI's programs are being installed".to_owned(),
        ));
    })?;
    if whole.exists() {
        return Ok(consumers);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(fail("remove", &folder))?;
    }
    if run(python("python3").args(["-c", "import ensurepip"])).is_err() {
        packages::install_all(cache, &[VENV], progress)?;
    }
    step(progress, "install PyPI's programs", |_| {
        run(python("python3").args(["-m", "venv"]).arg(&folder))?;
        let own = folder.join("bin/python").to_string_lossy().into_owned();
        run(python(&own)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            // Nothing is built, nothing is chosen, nothing is kept twice.
            .args([
                "--only-binary=:all:",
                "--no-deps",
                "--require-hashes",
                "--no-cache-dir",
            ])
            .arg("--requirement")
            .arg(path))?;
        run(python(&own)
            .args(["-c", LINK_EXTENSIONS])
            .arg(extensions(&folder)))?;
        fs::write(&whole, "").map_err(fail("write", &whole))?;
        Ok::<_, Error>(())
    })?;
    Ok(consumers)
}

/// Where an environment keeps DuckDB's extensions, as a home does.
fn extensions(folder: &Path) -> PathBuf {
    folder.join("duckdb-extensions")
}

fn python(program: &str) -> std::process::Command {
    let mut command = bound(program);
    command.env("PATH", packages::path()).current_dir("/");
    // What is compiled now is not compiled by each story.
    command.env_remove("PYTHONDONTWRITEBYTECODE");
    command
}
