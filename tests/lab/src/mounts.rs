//! What the lab's mount namespace looks like: the machine's files, which it cannot change.
//!
//! The servers have paths in `/run`, `/etc`, `/var/lib` and `/var/log` that no flag changes. What
//! they write there goes to memory and ends with the lab.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use crate::cgroup::{Hierarchy, MOUNT_POINT};

/// Folders that are shown as they are and written to in memory.
const SHADED: [&str; 3] = ["/etc", "/var/lib", "/var/log"];

/// What went wrong while file systems were mounted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused.
    #[error("cannot mount {}", target.display())]
    Mount {
        /// Where it should have been mounted.
        target: PathBuf,
        /// Why it was refused.
        source: Errno,
    },
    /// A mount point could not be made or looked at.
    #[error("cannot prepare {}", path.display())]
    Prepare {
        /// The path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// Arranges the mounts of the calling process, which has a mount namespace of its own; `kept` are
/// directories that stay writable for real.
pub(crate) fn arrange(hierarchies: &[Hierarchy], kept: &[&Path]) -> Result<(), Error> {
    let opened = kept
        .iter()
        .map(|path| {
            File::open(path)
                .map(|file| (*path, file))
                .map_err(prepare(path))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let links = links_between_hierarchies();

    attach("proc", "/proc", "proc", "")?;
    // A sysfs shows the network devices of the namespace in which it was mounted.
    attach("sysfs", "/sys", "sysfs", "")?;
    mount_cgroups(hierarchies, &links)?;

    attach("tmpfs", "/run", "tmpfs", "mode=755")?;
    for (number, folder) in SHADED.iter().enumerate() {
        let layer = |name: &str| format!("/run/shade/{number}/{name}");
        for name in ["upper", "work"] {
            make(Path::new(&layer(name)))?;
        }
        let (upper, work) = (layer("upper"), layer("work"));
        let options = format!("lowerdir={folder},upperdir={upper},workdir={work}");
        attach("overlay", folder, "overlay", &options)?;
    }
    for (path, file) in &opened {
        let covered = SHADED.iter().any(|shaded| path.starts_with(shaded));
        if covered || path.starts_with("/run") {
            make(path)?;
            bind(
                Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())),
                path,
            )?;
        }
    }
    Ok(())
}

/// Shows `source` at `target`, which must exist and be of the same kind.
pub(crate) fn bind(source: &Path, target: &Path) -> Result<(), Error> {
    mount(
        Some(source),
        target,
        None::<&str>,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        None::<&str>,
    )
    .map_err(|source| Error::Mount {
        target: target.to_owned(),
        source,
    })
}

/// As [`bind`], for a source that nobody may change through `target`.
pub(crate) fn bind_read_only(source: &Path, target: &Path) -> Result<(), Error> {
    bind(source, target)?;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>).map_err(|source| Error::Mount {
        target: target.to_owned(),
        source,
    })
}

/// Names and targets of links such as `cpu -> cpu,cpuacct`, which programs rely on.
fn links_between_hierarchies() -> Vec<(PathBuf, PathBuf)> {
    let Ok(entries) = fs::read_dir(MOUNT_POINT) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.path(), fs::read_link(entry.path()).ok()?)))
        .collect()
}

fn mount_cgroups(hierarchies: &[Hierarchy], links: &[(PathBuf, PathBuf)]) -> Result<(), Error> {
    if !hierarchies
        .iter()
        .any(|hierarchy| hierarchy.mount_point == Path::new(MOUNT_POINT))
    {
        attach("tmpfs", MOUNT_POINT, "tmpfs", "mode=755")?;
    }
    for Hierarchy {
        mount_point,
        version_1,
    } in hierarchies
    {
        make(mount_point)?;
        match version_1 {
            Some(options) => attach("cgroup", mount_point, "cgroup", options)?,
            None => attach("cgroup2", mount_point, "cgroup2", "")?,
        }
    }
    for (path, target) in links {
        std::os::unix::fs::symlink(target, path).map_err(prepare(path))?;
    }
    Ok(())
}

fn attach(source: &str, target: impl AsRef<Path>, kind: &str, options: &str) -> Result<(), Error> {
    let target = target.as_ref();
    mount(
        Some(source),
        target,
        Some(kind),
        MsFlags::empty(),
        Some(options),
    )
    .map_err(|source| Error::Mount {
        target: target.to_owned(),
        source,
    })
}

fn make(directory: &Path) -> Result<(), Error> {
    fs::create_dir_all(directory).map_err(prepare(directory))
}

fn prepare(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Prepare { path, source }
}
