//! The root file system, made by mmdebstrap.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::archive::{self, Image, Layer};
use super::{IMAGE, debian, sources};
use crate::command::{self, bound, run, run_with_input};
use crate::file::{FileError, fail};
use crate::lock::{self, Lock};
use crate::progress::{Event, Progress, step};

/// What pods may use. Beside PostgreSQL: `ip` and `nc` to look at the network, `socat` as the
/// peer of anything, a Python without its library's larger half for small servers.
const PACKAGES: [&str; 6] = [
    "ca-certificates",
    "iproute2",
    "netcat-openbsd",
    "postgresql",
    "python3-minimal",
    "socat",
];

/// What the pods of one PostgreSQL need, which is made for other majors than the host's.
const DATABASE_PACKAGES: [&str; 1] = ["postgresql"];

/// What no test reads. Without its JIT compiler PostgreSQL interprets, and the image is half.
const LEFT_OUT: [&str; 6] = [
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/lib/*/libLLVM*",
    "/usr/lib/postgresql/*/lib/bitcode/*",
    "/usr/lib/postgresql/*/lib/llvmjit*",
];

/// Run for the root file system `$1`; databases are made by the pods, not by the package.
const ESSENTIAL_HOOK: &str = r#"mkdir -p "$1/etc/postgresql-common" &&
    echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf""#;

/// A path to PostgreSQL's programs that does not name its version.
const CUSTOMIZE_HOOK: &str =
    r#"ln -s "$(ls "$1/usr/lib/postgresql")" "$1/usr/lib/postgresql/current""#;

/// Hex digits of the key in the archive's name.
const KEY_DIGITS: usize = 16;

/// What went wrong while the image was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The host's distribution has no name or no sources.
    #[error("no apt source of this machine is of its own distribution ({0})")]
    NoSources(String),
    /// No release has it.
    #[error("no Debian release that the lab knows has PostgreSQL {0}")]
    NoRelease(u32),
    /// The host is of a release that the lab does not know.
    #[error("the lab does not know which PostgreSQL is in Debian {0:?}")]
    NoMajor(String),
    /// mmdebstrap or a program around it failed.
    #[error("cannot make the root file system of an image")]
    Command(#[from] command::Error),
    /// The lock between two builders failed.
    #[error(transparent)]
    Lock(#[from] lock::Error),
}

/// An image to make: a root file system of one release.
struct Root {
    /// The first part of the archive's file name.
    stem: String,
    /// The image's name.
    image: String,
    /// The release.
    codename: String,
    /// What it holds beside the essential packages.
    packages: &'static [&'static str],
    /// What apt has to be asked, a line each.
    sources: String,
}

/// The archive of the pods' image, made if the cache does not hold it yet.
pub(crate) fn build(cache: &Path, progress: &mut dyn Progress) -> Result<PathBuf, Error> {
    let host = Host::read()?;
    let root = Root {
        stem: "debian".to_owned(),
        image: IMAGE.to_owned(),
        sources: host.sources.join("\n"),
        codename: host.codename,
        packages: &PACKAGES,
    };
    root.archive(cache, progress)
}

/// The archive of an image named `image` with this major version of PostgreSQL, made from the release
/// that has it, if the cache does not hold it yet.
pub(crate) fn build_postgresql(
    major: u32,
    image: &str,
    cache: &Path,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Error> {
    let host = Host::read()?;
    let codename = debian::with_postgresql(major).ok_or(Error::NoRelease(major))?;
    let sources = host.sources.iter();
    let root = Root {
        stem: format!("postgresql-{major}"),
        image: image.to_owned(),
        sources: sources
            .map(|line| sources::of_release(line, &host.codename, codename))
            .collect::<Vec<_>>()
            .join("\n"),
        codename: codename.to_owned(),
        packages: &DATABASE_PACKAGES,
    };
    root.archive(cache, progress)
}

/// The major version of PostgreSQL in the image of all pods.
pub(crate) fn postgresql_of_host() -> Result<u32, Error> {
    let Host { codename, .. } = Host::read()?;
    debian::postgresql_of(&codename).ok_or(Error::NoMajor(codename))
}

/// This machine's word for its architecture, which is Go's too.
pub(crate) fn architecture() -> Result<String, Error> {
    Ok(run(Command::new("dpkg").arg("--print-architecture"))?
        .trim()
        .to_owned())
}

/// This machine's release, and how its apt is told to find packages.
struct Host {
    codename: String,
    sources: Vec<String>,
}

impl Host {
    fn read() -> Result<Self, Error> {
        let release = read(Path::new("/etc/os-release"))?;
        let codename = debian::codename(&release).to_owned();
        let sources = host_sources(&codename)?;
        if codename.is_empty() || sources.is_empty() {
            return Err(Error::NoSources(codename));
        }
        Ok(Self { codename, sources })
    }
}

impl Root {
    fn archive(&self, cache: &Path, progress: &mut dyn Progress) -> Result<PathBuf, Error> {
        let Self {
            stem,
            image,
            codename,
            sources,
            ..
        } = self;
        let architecture = architecture()?;
        let options = options(self.packages, &apt_options()?);

        let folder = cache.join("images");
        let key = key(&[&options.join("\n"), sources, codename, &architecture]);
        let archive = folder.join(format!("{stem}-{key}.tar"));
        if archive.exists() {
            return Ok(archive);
        }
        let _lock = Lock::acquire(&archive.with_extension("lock"), || {
            progress.report(Event::Note(format!("waiting: {image} is being built")));
        })?;
        if archive.exists() {
            return Ok(archive);
        }
        progress.report(Event::Note(format!(
            "building {image} once, for the cache: a minute"
        )));
        step(progress, &format!("build {image}"), |_| {
            // What a killed run left is in the same place, and we hold the lock.
            let scratch = folder.join(format!(".{stem}-{key}"));
            clear(&scratch)?;
            fs::create_dir_all(&scratch).map_err(fail("create", &scratch))?;
            let root = scratch.join("root.tar");
            bootstrap(&options, codename, &root, sources, &scratch)?;
            let unfinished = scratch.join("image.tar");
            let layer = File::open(&root).map_err(fail("open", &root))?;
            let file = File::create(&unfinished).map_err(fail("create", &unfinished))?;
            archive::write(
                Image::idle(image, &architecture),
                vec![Layer::Tar(layer)],
                BufWriter::new(file),
            )
            .map_err(fail("write", &unfinished))?;
            fs::rename(&unfinished, &archive).map_err(fail("rename", &unfinished))?;
            clear(&scratch)?;
            Ok::<_, Error>(())
        })?;
        Ok(archive)
    }
}

fn bootstrap(
    options: &[String],
    codename: &str,
    root: &Path,
    sources: &str,
    scratch: &Path,
) -> Result<(), command::Error> {
    // In namespaces of its own: what it mounts and starts ends with it, however it ends.
    let mut command = bound("unshare");
    command
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--",
            "mmdebstrap",
        ])
        .args(options)
        .args([OsStr::new(codename), root.as_os_str(), OsStr::new("-")])
        .env("TMPDIR", scratch);
    run_with_input(&mut command, sources.as_bytes()).map(drop)
}

fn options(packages: &[&str], apt_options: &[String]) -> Vec<String> {
    let mut options = [
        "--mode=root",
        "--variant=essential",
        "--format=tar",
        "--quiet",
    ]
    .map(str::to_owned)
    .to_vec();
    options.push(format!("--include={}", packages.join(",")));
    options.extend(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    options.extend(
        apt_options
            .iter()
            .map(|option| format!("--aptopt={option}")),
    );
    options.push(format!("--essential-hook={ESSENTIAL_HOOK}"));
    options.push(format!("--customize-hook={CUSTOMIZE_HOOK}"));
    options
}

/// How the host's apt reaches its sources: mmdebstrap's does not read the host's configuration.
fn apt_options() -> Result<Vec<String>, command::Error> {
    let dump = run(Command::new("apt-config").args(["dump", "--no-empty", "Acquire"]))?;
    let is_proxy = |line: &&str| line.to_lowercase().contains("proxy");
    Ok(dump.lines().filter(is_proxy).map(str::to_owned).collect())
}

fn host_sources(codename: &str) -> Result<Vec<String>, Error> {
    let (mut one_line, mut deb822) = (Vec::new(), Vec::new());
    let list = Path::new("/etc/apt/sources.list");
    if list.exists() {
        one_line.push(read(list)?);
    }
    let folder = Path::new("/etc/apt/sources.list.d");
    let mut paths: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(fail("read", folder)(error).into()),
    };
    paths.sort();
    for path in paths {
        match path.extension().and_then(OsStr::to_str) {
            Some("list") => one_line.push(read(&path)?),
            Some("sources") => deb822.push(read(&path)?),
            _ => {}
        }
    }
    Ok(sources::of_distribution(codename, &one_line, &deb822))
}

fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    data_encoding::HEXLOWER.encode(&hash.finalize())[..KEY_DIGITS].to_owned()
}

fn clear(folder: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(fail("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(fail("read", path))
}
