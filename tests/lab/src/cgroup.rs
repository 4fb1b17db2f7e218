//! The lab's own place in the cgroup hierarchies of this machine, version 1, 2 or both.
//!
//! Everything the lab starts, containers included, is in cgroups below one directory per
//! hierarchy, which a cgroup namespace shows to the lab as the root.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Where cgroups are mounted, as every program expects.
pub(crate) const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// The controllers that Kubernetes asks for.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

/// The leaf for the lab's own processes: a version 2 cgroup that hands controllers to its
/// children must not hold processes itself.
const LEAF: &str = "lab";

/// How long the kernel may take to notice that the last process of a cgroup is gone.
const EMPTY_WITHIN: Duration = Duration::from_secs(5);

/// A cgroup file system could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct Error {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Where it is mounted.
    pub(crate) mount_point: PathBuf,
    /// The mount options that name a version 1 hierarchy; `None` for version 2.
    pub(crate) version_1: Option<String>,
}

/// All hierarchies mounted below [`MOUNT_POINT`], each once.
pub(crate) fn hierarchies() -> Result<Vec<Hierarchy>, Error> {
    let path = Path::new("/proc/self/mountinfo");
    Ok(parse(
        &fs::read_to_string(path).map_err(fail("read", path))?,
    ))
}

fn parse(mountinfo: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mountinfo.lines() {
        // proc(5): the fields before " - " end with optional ones; type and options follow it.
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let mut right = right.split(' ');
        let kind = right.next();
        let options = right.nth(1).unwrap_or("");
        let Some(mount_point) = left.split(' ').nth(4).map(PathBuf::from) else {
            continue;
        };
        if !mount_point.starts_with(MOUNT_POINT)
            || found
                .iter()
                .any(|hierarchy| hierarchy.mount_point == mount_point)
        {
            continue;
        }
        match kind {
            Some("cgroup") => {
                // Options of the superblock in general, not names of a hierarchy.
                let general = ["rw", "ro", "xattr", "clone_children", "noprefix"];
                let names: Vec<&str> = options
                    .split(',')
                    .filter(|option| {
                        !general.contains(option) && !option.starts_with("release_agent=")
                    })
                    .collect();
                found.push(Hierarchy {
                    mount_point,
                    version_1: Some(names.join(",")),
                });
            }
            Some("cgroup2") => found.push(Hierarchy {
                mount_point,
                version_1: None,
            }),
            _ => {}
        }
    }
    found
}

/// Moves the calling process into `cgroup` of every hierarchy, making the cgroup if need be.
pub(crate) fn join(hierarchies: &[Hierarchy], cgroup: &Path) -> Result<(), Error> {
    for hierarchy in hierarchies {
        let mut directory = hierarchy.mount_point.clone();
        for level in cgroup {
            if hierarchy.version_1.is_none() {
                delegate(&directory);
            }
            directory.push(level);
            make(&directory)?;
        }
        enter(&directory)?;
    }
    Ok(())
}

/// Moves the calling process one level down where version 2 asks for it.
pub(crate) fn settle(hierarchies: &[Hierarchy], cgroup: &Path) -> Result<(), Error> {
    for hierarchy in hierarchies
        .iter()
        .filter(|hierarchy| hierarchy.version_1.is_none())
    {
        let directory = hierarchy.mount_point.join(cgroup);
        let leaf = directory.join(LEAF);
        make(&leaf)?;
        enter(&leaf)?;
        delegate(&directory);
    }
    Ok(())
}

fn make(directory: &Path) -> Result<(), Error> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(fail("create", directory)(error));
        }
        _ => {}
    }
    // A new version 1 cpuset is empty, and an empty one takes no process.
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let file = directory.join(name);
        let is_empty = fs::read_to_string(&file).is_ok_and(|text| text.trim().is_empty());
        let parent = directory.parent().map(|parent| parent.join(name));
        if let (true, Some(parent)) = (is_empty, parent.filter(|parent| parent.exists())) {
            let inherited = fs::read(&parent).map_err(fail("read", &parent))?;
            // Version 2 inherits by itself and shows an empty file for that.
            if !inherited.trim_ascii().is_empty() {
                fs::write(&file, inherited).map_err(fail("write", &file))?;
            }
        }
    }
    Ok(())
}

/// Hands the controllers down to the children, as far as there are any.
fn delegate(directory: &Path) {
    for controller in CONTROLLERS {
        // One that the machine does not have, or does not hand down, is no reason to fail here:
        // containerd says what it misses.
        let _ = fs::write(
            directory.join("cgroup.subtree_control"),
            format!("+{controller}"),
        );
    }
}

fn enter(directory: &Path) -> Result<(), Error> {
    let file = directory.join("cgroup.procs");
    fs::write(&file, "0").map_err(fail("write", &file))
}

/// Removes the lab's cgroups and, when no other lab is left, their common parent.
pub(crate) fn remove(hierarchies: &[Hierarchy], cgroup: &Path) -> Result<(), Error> {
    for hierarchy in hierarchies {
        let directory = hierarchy.mount_point.join(cgroup);
        let deadline = Instant::now() + EMPTY_WITHIN;
        while let Err(error) = remove_tree(&directory) {
            // Busy until the kernel has put away the last process.
            if error.source.kind() != io::ErrorKind::ResourceBusy || Instant::now() > deadline {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(20));
        }
        if let Some(parent) = directory
            .parent()
            .filter(|parent| **parent != hierarchy.mount_point)
        {
            // Fails while another lab's cgroup is in it, which is as it should be.
            let _ = fs::remove_dir(parent);
        }
    }
    Ok(())
}

/// A cgroup is removed by rmdir from the leaves up; its files are not real.
fn remove_tree(directory: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail("read", directory)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(fail("read", directory))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    match fs::remove_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(fail("remove", directory)(error))
        }
        _ => Ok(()),
    }
}

fn fail(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_known_by_its_controllers() {
        let mountinfo = "\
            31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
            40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup \
            rw,xattr,release_agent=/lib/x,name=systemd\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
            42 31 0:38 / /mnt/cgroup rw - cgroup2 cgroup2 rw\n";
        let hierarchy = |name: &str, version_1: Option<&str>| Hierarchy {
            mount_point: Path::new(MOUNT_POINT).join(name),
            version_1: version_1.map(str::to_owned),
        };
        assert_eq!(
            parse(mountinfo),
            [
                hierarchy("cpu,cpuacct", Some("cpu,cpuacct")),
                hierarchy("systemd", Some("name=systemd")),
                hierarchy("unified", None),
            ]
        );
    }

    #[test]
    fn version_2_alone_is_the_mount_point_itself() {
        let mountinfo = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let found = parse(mountinfo);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mount_point, Path::new(MOUNT_POINT));
        assert_eq!(found[0].version_1, None);
    }
}
