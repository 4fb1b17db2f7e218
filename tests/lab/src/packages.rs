//! What the lab needs of the machine: Linux, root, Go and a few Debian packages, which it installs.

use std::env;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, run};
use crate::lock::{self, Lock};
use crate::progress::{Event, Progress, step};
use crate::tools::{self, Go};

/// A file that shows whether a package is there, and the package.
const NEEDED: [(Evidence, &str); 8] = [
    (Evidence::Program("containerd"), "containerd"),
    (Evidence::Plugin("bridge"), "containernetworking-plugins"),
    (Evidence::Program("ip"), "iproute2"),
    (Evidence::BridgeFilter, "kmod"),
    (Evidence::Program("mmdebstrap"), "mmdebstrap"),
    (Evidence::Program("nft"), "nftables"),
    (Evidence::Program("runc"), "runc"),
    (Evidence::Program("unshare"), "util-linux"),
];

/// Where distributions put CNI plugins.
const PLUGIN_FOLDERS: [&str; 3] = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];

/// Where Debian keeps the authorities that this machine trusts, as most programs look for them.
pub(crate) const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// There as soon as the kernel can show packets on a bridge to nftables.
const BRIDGE_FILTER: &str = "/proc/sys/net/bridge";

/// The kernel module that makes it so.
const BRIDGE_FILTER_MODULE: &str = "br_netfilter";

/// Programs of root that a plain PATH may lack.
const ROOT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Debian asks this program before a package starts its service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// 101 means "not allowed".
const POLICY_TEXT: &str = "#!/bin/sh\n# Left by `cargo xtask lab up`, which installs packages without their services.\nexit 101\n";

#[derive(Clone, Copy, Debug)]
enum Evidence {
    Program(&'static str),
    Plugin(&'static str),
    /// The kernel shows packets on a bridge to nftables, or can be made to.
    BridgeFilter,
}

impl Evidence {
    fn is_there(self) -> bool {
        match self {
            Self::Program(name) => find_program(name).is_some(),
            Self::Plugin(name) => plugin_folder().is_some_and(|folder| folder.join(name).is_file()),
            Self::BridgeFilter => has_bridge_filter() || find_program("modprobe").is_some(),
        }
    }
}

/// What went wrong before the lab could begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine cannot carry a lab.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// apt-get failed.
    #[error("cannot install {packages}")]
    Install {
        /// The packages, separated by spaces.
        packages: String,
        /// What apt-get said.
        source: command::Error,
    },
    /// Two runs at once could not be kept apart.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The kernel does not show packets on a bridge to nftables.
    #[error("cannot load the kernel module {BRIDGE_FILTER_MODULE}")]
    BridgeFilter(#[source] command::Error),
    /// The guard that keeps services from being started could not be set or removed.
    #[error("cannot {action} {}", path.display())]
    Policy {
        /// What was tried.
        action: &'static str,
        /// The guard's file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// Everything that is missing and cannot be installed from here, in one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    linux: bool,
    root: bool,
    go: Option<String>,
    packages: Vec<&'static str>,
}

impl std::error::Error for Missing {}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this machine lacks what the lab needs:\n")?;
        if self.linux {
            f.write_str("  - Linux\n")?;
        }
        if self.root {
            f.write_str("  - root: run the same command as root\n")?;
        }
        if let Some(go) = &self.go {
            writeln!(f, "  - {go}")?;
        }
        if !self.packages.is_empty() {
            writeln!(f, "  - Debian packages: {}", self.packages.join(" "))?;
        }
        f.write_str(
            "use a cluster of your own instead (kind, k3d, k3s or minikube): \
             cargo xtask demo --context NAME",
        )
    }
}

impl Missing {
    /// Whether anything is missing that cannot be installed.
    fn is_fatal(&self, can_install: bool) -> bool {
        self.linux || self.root || self.go.is_some() || (!self.packages.is_empty() && !can_install)
    }
}

/// Makes sure that the machine has what the lab needs, installing packages if need be.
///
/// Returns the machine's Go; `None` when all binaries are provided and it has none.
pub(crate) fn ensure(cache: &Path, progress: &mut dyn Progress) -> Result<Option<Go>, Error> {
    let go = tools::find_go();
    let packages = NEEDED.iter().filter(|(evidence, _)| !evidence.is_there());
    let missing = Missing {
        linux: !cfg!(target_os = "linux"),
        root: !nix::unistd::geteuid().is_root(),
        go: go.as_ref().err().filter(|_| tools::needs_build()).cloned(),
        packages: packages.map(|(_, package)| *package).collect(),
    };
    if missing.is_fatal(find_program("apt-get").is_some()) {
        return Err(missing.into());
    }
    install_all(cache, &missing.packages, progress)?;
    if !has_bridge_filter() {
        run(Command::new("modprobe")
            .arg(BRIDGE_FILTER_MODULE)
            .env("PATH", path()))
        .map_err(Error::BridgeFilter)?;
    }
    Ok(go.ok())
}

/// Makes sure that the machine has these programs, from the packages beside them, for a part that a lab
/// gets on demand.
pub(crate) fn provide(
    cache: &Path,
    programs: &[(&str, &'static str)],
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let missing: Vec<&'static str> = programs
        .iter()
        .filter(|(program, _)| find_program(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() && find_program("apt-get").is_none() {
        return Err(Error::Missing(Missing {
            packages: missing,
            ..Missing::default()
        }));
    }
    install_all(cache, &missing, progress)
}

/// Installs these packages.
pub(crate) fn install_all(
    cache: &Path,
    packages: &[&str],
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    if packages.is_empty() {
        return Ok(());
    }
    let _lock = Lock::acquire(&cache.join("packages.lock"), || {
        progress.report(Event::Note(
            "waiting: packages are being installed".to_owned(),
        ));
    })?;
    progress.report(Event::Note(format!(
        "installing Debian packages: {}",
        packages.join(" ")
    )));
    step(progress, "install packages", |_| install(packages))
}

fn has_bridge_filter() -> bool {
    Path::new(BRIDGE_FILTER).exists()
}

fn install(packages: &[&str]) -> Result<(), Error> {
    let guard = ServiceGuard::set(Path::new(POLICY))?;
    let install = || {
        run(apt_get()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages))
    };
    let installed = install().or_else(|_| {
        // The lists may be missing or old. A failed update of an unrelated source does not matter
        // as long as the packages can be installed.
        let _ = run(apt_get().arg("update"));
        install()
    });
    guard.remove()?;
    installed.map(drop).map_err(|source| Error::Install {
        packages: packages.join(" "),
        source,
    })
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // Somebody else's installation is waited for.
    command
        .arg("-oDPkg::Lock::Timeout=300")
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Keeps packages from starting their services while it is set.
#[derive(Debug)]
struct ServiceGuard {
    /// The file to remove at the end; none when somebody else's policy is in force.
    ours: Option<PathBuf>,
}

impl ServiceGuard {
    fn set(path: &Path) -> Result<Self, Error> {
        match fs::read_to_string(path) {
            Ok(text) if text != POLICY_TEXT => return Ok(Self { ours: None }),
            // Ours, left by a run that was killed.
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(policy_failure("read", path)(error)),
        }
        fs::write(path, POLICY_TEXT)
            .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
            .map_err(policy_failure("write", path))?;
        Ok(Self {
            ours: Some(path.to_owned()),
        })
    }

    fn remove(self) -> Result<(), Error> {
        self.ours.map_or(Ok(()), |path| {
            fs::remove_file(&path).map_err(policy_failure("remove", &path))
        })
    }
}

fn policy_failure(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Policy {
        action,
        path,
        source,
    }
}

/// The folder that holds the CNI plugins.
pub(crate) fn plugin_folder() -> Option<PathBuf> {
    PLUGIN_FOLDERS
        .map(PathBuf::from)
        .into_iter()
        .find(|folder| folder.join("bridge").is_file())
}

/// The PATH with which the lab's programs run: the user's, and root's.
pub(crate) fn path() -> String {
    match env::var("PATH") {
        Ok(path) if !path.is_empty() => format!("{path}:{ROOT_PATH}"),
        _ => ROOT_PATH.to_owned(),
    }
}

fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&path())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_names_everything_and_the_alternative() {
        let missing = Missing {
            linux: false,
            root: true,
            go: Some("Go 1.26 or newer (found go1.19)".to_owned()),
            packages: vec!["containerd", "nftables"],
        };
        assert_eq!(
            missing.to_string(),
            "this machine lacks what the lab needs:\n  \
             - root: run the same command as root\n  \
             - Go 1.26 or newer (found go1.19)\n  \
             - Debian packages: containerd nftables\n\
             use a cluster of your own instead (kind, k3d, k3s or minikube): \
             cargo xtask demo --context NAME"
        );
    }

    #[test]
    fn packages_alone_are_fatal_only_where_they_cannot_be_installed() {
        let missing = Missing {
            packages: vec!["runc"],
            ..Missing::default()
        };
        assert!(missing.is_fatal(false));
        assert!(!missing.is_fatal(true));
        assert!(!Missing::default().is_fatal(false));
        assert!(
            Missing {
                root: true,
                ..Missing::default()
            }
            .is_fatal(true)
        );
    }

    #[test]
    fn the_guard_forbids_services_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy-rc.d");
        for _ in 0..2 {
            let guard = ServiceGuard::set(&path).unwrap();
            let status = Command::new(&path)
                .args(["containerd", "start"])
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(101));
            // The second time it is found as a killed run leaves it.
            let left = fs::read(&path).unwrap();
            guard.remove().unwrap();
            assert!(!path.exists());
            fs::write(&path, left).unwrap();
        }
    }

    #[test]
    fn a_policy_of_somebody_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy-rc.d");
        fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
        ServiceGuard::set(&path).unwrap().remove().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "#!/bin/sh\nexit 0\n");
    }
}
