//! The one cable between a lab and this machine: a veth pair with a /30 of its own.

use std::fmt;
use std::fs::File;
use std::net::Ipv4Addr;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::command::{self, run};
use crate::state::{self, State};

/// What went wrong while the lab was connected or disconnected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `ip` refused.
    #[error("cannot set up the lab's network device")]
    Ip(#[from] command::Error),
    /// The lock that keeps two labs from choosing the same addresses could not be taken.
    #[error("cannot lock {NETWORK_NAMESPACE}")]
    Lock(#[source] std::io::Error),
    /// All subnets are in use.
    #[error("no free subnet in 10.200.0.0/16: end a lab with `cargo xtask lab down --name NAME`")]
    Full,
    /// The choice could not be written down.
    #[error(transparent)]
    State(#[from] state::Error),
}

/// Locking this file locks exactly what is shared: the addresses of this network namespace.
const NETWORK_NAMESPACE: &str = "/proc/self/ns/net";

/// What `ip` says of a device that is not there, or is on its way out.
const GONE: [&str; 2] = ["Cannot find device", "No such device"];

/// The name of the lab's end of the cable, inside the lab.
pub(crate) const INSIDE: &str = "eth0";

/// The /30 that connects one lab with this machine: `10.200.N.0/30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Subnet(pub(crate) u8);

impl Subnet {
    /// This machine's address.
    #[must_use]
    pub(crate) const fn host(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 200, self.0, 1)
    }

    /// The lab's address.
    #[must_use]
    pub(crate) const fn lab(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 200, self.0, 2)
    }

    /// The first subnet that no line of `ip -4 route show table all` speaks of.
    fn first_free(routes: &str) -> Option<Self> {
        (1..=254).map(Self).find(|subnet| {
            let prefix = format!("10.200.{}.", subnet.0);
            !routes
                .split_whitespace()
                .any(|word| word.starts_with(&prefix))
        })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "10.200.{}.0/30", self.0)
    }
}

/// Chooses free addresses, writes the choice down and lays the cable into the network namespace
/// of process `init`.
pub(crate) fn connect(state: &mut State, init: i32) -> Result<Subnet, Error> {
    let namespace = File::open(NETWORK_NAMESPACE).map_err(Error::Lock)?;
    namespace.lock().map_err(Error::Lock)?;
    let routes = run(ip().args(["-4", "route", "show", "table", "all"]))?;
    let subnet = Subnet::first_free(&routes).ok_or(Error::Full)?;
    state.subnet = Some(subnet);
    state.write()?;
    let veth = &state.veth;
    run(ip()
        .args([
            "link", "add", veth, "type", "veth", "peer", "name", INSIDE, "netns",
        ])
        .arg(init.to_string()))?;
    run(ip().args(["addr", "add", &format!("{}/30", subnet.host()), "dev", veth]))?;
    run(ip().args(["link", "set", veth, "up"]))?;
    Ok(subnet)
}

/// Removes the host's end of the cable, and with it the other end; does nothing when it is gone.
pub(crate) fn disconnect(veth: &str) -> Result<(), Error> {
    // The kernel removes the pair itself, a little after the lab's last process has ended.
    match run(ip().args(["link", "delete", veth])) {
        Err(command::Error::Failed { answer, .. })
            if GONE.iter().any(|gone| answer.contains(gone)) =>
        {
            Ok(())
        }
        other => Ok(other.map(drop)?),
    }
}

fn ip() -> Command {
    Command::new("ip")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_in_use_in_any_form_is_passed_over() {
        assert_eq!(Subnet::first_free(""), Some(Subnet(1)));
        let routes = "default via 10.0.0.1 dev eth0\n\
                      10.200.1.0/30 dev lab-1 proto kernel scope link src 10.200.1.1\n\
                      local 10.200.2.1 dev lab-2 table local scope host\n\
                      10.200.30.0/30 dev lab-3\n";
        assert_eq!(Subnet::first_free(routes), Some(Subnet(3)));
    }

    #[test]
    fn no_free_subnet_is_noticed() {
        let all: String = (0..=255)
            .map(|n| format!("10.200.{n}.0/30 dev x\n"))
            .collect();
        assert_eq!(Subnet::first_free(&all), None);
    }

    #[test]
    fn both_ends_are_in_the_subnet() {
        let subnet = Subnet(9);
        assert_eq!(subnet.to_string(), "10.200.9.0/30");
        assert_eq!(subnet.host().to_string(), "10.200.9.1");
        assert_eq!(subnet.lab().to_string(), "10.200.9.2");
    }
}
