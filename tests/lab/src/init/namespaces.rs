//! Making the lab's namespaces what its parts expect: cgroups, mounts, network.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use crate::cgroup;
use crate::command::{self, run};
use crate::image;
use crate::layout::{BRIDGE, COREDNS, Layout, NODE_ADDRESS, SERVICE_NETWORK};
use crate::mounts;
use crate::network::INSIDE;
use crate::state::State;

/// What the kernel has to do with packets: forward them, and show those that stay on the bridge
/// to the rules of Services and NetworkPolicies.
const SWITCHES: [&str; 2] = [
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/bridge/bridge-nf-call-iptables",
];

/// What went wrong inside the namespaces.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lab's cgroup.
    #[error(transparent)]
    Cgroup(#[from] cgroup::Error),
    /// The lab's cgroup namespace.
    #[error("cannot make a cgroup namespace")]
    Unshare(#[source] Errno),
    /// The lab's mounts.
    #[error(transparent)]
    Mounts(#[from] mounts::Error),
    /// The lab's image.
    #[error(transparent)]
    Image(#[from] image::StoreError),
    /// The lab's network.
    #[error("cannot set up the lab's network")]
    Network(#[from] command::Error),
    /// A file below `/proc` or `/run`.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// `up` started the lab without an address.
    #[error("the lab has no subnet")]
    NoSubnet,
}

/// Our pid as the machine sees it: until we mount a `/proc` of our own, it shows the machine's.
pub(super) fn own_pid_outside() -> Result<i32, Error> {
    let path = Path::new("/proc/self");
    let target = fs::read_link(path).map_err(fail(path))?;
    target
        .to_str()
        .and_then(|pid| pid.parse().ok())
        .ok_or_else(|| fail(path)(io::ErrorKind::InvalidData.into()))
}

/// Turns the bare namespaces into a machine. Must run before the process has threads.
pub(super) fn enter(state: &State) -> Result<(), Error> {
    let hierarchies = cgroup::hierarchies()?;
    cgroup::join(&hierarchies, &state.cgroup)?;
    unshare(CloneFlags::CLONE_NEWCGROUP).map_err(Error::Unshare)?;
    cgroup::settle(&hierarchies, &state.cgroup)?;
    let programs = state.programs.folders();
    let mut kept = vec![state.directory.as_path(), &state.image];
    kept.extend(programs.iter().copied());
    mounts::arrange(&hierarchies, &kept)?;
    image::show_layers(
        &state.image,
        &Layout::new(&state.directory).data("containerd"),
    )?;

    // Its pod finds the program here, wherever the cache is.
    let coredns = Path::new(COREDNS);
    fs::write(coredns, "").map_err(fail(coredns))?;
    mounts::bind(&state.programs.coredns, coredns)?;
    network(state)
}

fn network(state: &State) -> Result<(), Error> {
    let subnet = state.subnet.ok_or(Error::NoSubnet)?;
    for arguments in [
        "link set lo up".to_owned(),
        format!("address add {}/30 dev {INSIDE}", subnet.lab()),
        format!("link set {INSIDE} up"),
        format!("link add {BRIDGE} type bridge"),
        format!("address add {NODE_ADDRESS}/24 dev {BRIDGE}"),
        format!("link set {BRIDGE} up"),
        // The node itself reaches Services too; there is no other way out of the lab.
        format!("route add {SERVICE_NETWORK} dev {BRIDGE}"),
    ] {
        run(Command::new("ip").args(arguments.split(' ')))?;
    }
    for switch in SWITCHES.map(Path::new) {
        fs::write(switch, "1").map_err(fail(switch))?;
    }
    Ok(())
}

fn fail(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}
