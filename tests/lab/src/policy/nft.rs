//! The rule set as nftables reads it, and the program that puts it into the kernel.
//!
//! Every packet is judged by the connection it belongs to, not by its own addresses: the client is
//! the source of conntrack's original tuple, the server and its port are the source of the reply
//! tuple (which, after a Service's address has been translated, is the pod behind it). So both
//! directions of a connection meet the same verdict, replies need no rule, and a connection that a
//! new rule set no longer allows is reset at its next packet, whoever sends it. The usual way, an
//! `established accept` in front and `conntrack -D` behind, would race with packets in flight, and
//! a connection forgotten while it runs is picked up again with client and server exchanged.
//!
//! The first packet of a connection is judged once the pod behind the Service is known, in forward
//! or input. Later ones are judged in prerouting, before the translation: on a bridge a reset is
//! sent back as it stands, untranslated, and there it bears the address that its receiver knows.
//! For the same reason the first packet to a Service is refused by ICMP, which is translated.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::compile::{Flow, Isolation, Peers, Ports};
use super::model::Protocol;

/// The only table that is touched, of family inet.
pub const TABLE: &str = "datalab-policy";

/// The kernel's limit of a chain's comment, in bytes, with its final zero.
const COMMENT_BYTES: usize = 128;

/// An nftables rule set was not put in place; the one before it still holds.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The program could not be run.
    #[error("could not run nft (apt-get install nftables)")]
    Run(#[source] io::Error),
    /// The program or the kernel refused the rules.
    #[error("nft refused the rules: {0}")]
    Refused(String),
}

/// Replaces the table by the rendered one in a single transaction: no packet meets half of it.
///
/// # Errors
/// nft is missing or refuses; nothing has changed then.
pub async fn apply(rules: &str) -> Result<(), ApplyError> {
    let output = feed(rules).await.map_err(ApplyError::Run)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ApplyError::Refused(said))
}

async fn feed(rules: &str) -> io::Result<Output> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = nft.stdin.take() {
        // A program that stops reading says why on stderr and in its exit code.
        if let Err(error) = stdin.write_all(rules.as_bytes()).await
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(error);
        }
    }
    nft.wait_with_output().await
}

/// The table for these pods, preceded by the removal of the one before.
pub fn render(isolations: &[Isolation]) -> String {
    let mut text =
        format!("table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n");
    text.push_str(
        "\tchain refuse {\n\
         \t\tct state new ct status dnat reject with icmpx port-unreachable\n\
         \t\tmeta l4proto tcp reject with tcp reset\n\
         \t\treject with icmpx port-unreachable\n\
         \t}\n",
    );
    for (number, isolation) in isolations.iter().enumerate() {
        for side in [Side::Ingress, Side::Egress] {
            if let Some(flows) = side.flows(isolation) {
                chain(&mut text, side, number, isolation, flows);
            }
        }
    }
    for side in [Side::Ingress, Side::Egress] {
        for family in [Family::V4, Family::V6] {
            verdicts(&mut text, side, family, isolations);
        }
    }
    text.push_str(HOOKS);
    text
}

/// What pods send to each other and to the outside passes forward; what they send to the node
/// itself, the API server above all, passes input. The node's own connections to pods, the kubelet's
/// probes among them, leave by output, which is not hooked, and their replies are let in.
///
/// A packet of no connection cannot be judged; an ICMP error belongs to one that was allowed.
const HOOKS: &str = "\
\tchain prerouting {
\t\ttype filter hook prerouting priority mangle; policy accept;
\t\tct state != established accept
\t\tct direction reply fib daddr type local accept
\t\tct original ip saddr vmap @egress-ip
\t\tct original ip6 saddr vmap @egress-ip6
\t\tct reply ip saddr vmap @ingress-ip
\t\tct reply ip6 saddr vmap @ingress-ip6
\t}
\tchain forward {
\t\ttype filter hook forward priority filter; policy accept;
\t\tct state invalid drop
\t\tct state != new accept
\t\tct original ip saddr vmap @egress-ip
\t\tct original ip6 saddr vmap @egress-ip6
\t\tct reply ip saddr vmap @ingress-ip
\t\tct reply ip6 saddr vmap @ingress-ip6
\t}
\tchain input {
\t\ttype filter hook input priority filter; policy accept;
\t\tct state != new accept
\t\tct original ip saddr vmap @egress-ip
\t\tct original ip6 saddr vmap @egress-ip6
\t}
}
";

/// The side of the isolated pod that a chain guards.
#[derive(Clone, Copy)]
enum Side {
    Ingress,
    Egress,
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    /// The end of the connection where the peer is: the client of what comes in, the server of
    /// what goes out.
    fn peer(self) -> &'static str {
        match self {
            Self::Ingress => "ct original",
            Self::Egress => "ct reply",
        }
    }

    fn flows(self, isolation: &Isolation) -> Option<&BTreeSet<Flow>> {
        match self {
            Self::Ingress => isolation.ingress.as_ref(),
            Self::Egress => isolation.egress.as_ref(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ip6",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::V4 => "ipv4_addr",
            Self::V6 => "ipv6_addr",
        }
    }
}

/// The chain of one side of a pod: what it returns from is allowed by this side.
fn chain<'a>(
    text: &mut String,
    side: Side,
    number: usize,
    isolation: &Isolation,
    flows: impl IntoIterator<Item = &'a Flow>,
) {
    let name = isolation.pod.to_string();
    let comment: String = name.chars().take(COMMENT_BYTES - 1).collect();
    push(text, format_args!("\tchain {}-{number} {{", side.word()));
    push(text, format_args!("\t\tcomment \"{comment}\""));
    for flow in flows {
        let ports = flow.ports.map(ports).unwrap_or_default();
        for peers in matches(side.peer(), &flow.peers) {
            push(text, format_args!("\t\t{peers}{ports}return"));
        }
    }
    push(text, format_args!("\t\tgoto refuse\n\t}}"));
}

/// The match of a flow's peers, one a family; each ends in a space unless it matches everyone.
fn matches(end: &str, peers: &Peers) -> Vec<String> {
    match peers {
        Peers::All => vec![String::new()],
        Peers::Addresses(addresses) => [Family::V4, Family::V6]
            .into_iter()
            .filter_map(|family| {
                let addresses = addresses
                    .iter()
                    .filter(|address| Family::of(**address) == family);
                let set = set(addresses)?;
                Some(format!("{end} {} saddr {set} ", family.word()))
            })
            .collect(),
        Peers::Block { network, except } => {
            let address = format!("{end} {} saddr", Family::of(network.addr()).word());
            let holes = set(except.iter()).map(|set| format!("{address} != {set} "));
            vec![format!("{address} {network} {}", holes.unwrap_or_default())]
        }
    }
}

/// An anonymous set; none if it would be empty, which nftables does not know.
fn set<T: ToString>(elements: impl Iterator<Item = T>) -> Option<String> {
    let elements: Vec<String> = elements.map(|element| element.to_string()).collect();
    (!elements.is_empty()).then(|| format!("{{ {} }}", elements.join(", ")))
}

fn ports(ports: Ports) -> String {
    let protocol = match ports.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    };
    let number = match (ports.first, ports.last) {
        (0, u16::MAX) => String::new(),
        (first, last) if first == last => format!("ct reply proto-src {first} "),
        (first, last) => format!("ct reply proto-src {first}-{last} "),
    };
    format!("meta l4proto {protocol} {number}")
}

/// The map from a pod's addresses to its chain. Also written when empty: the rules that use it keep
/// connection tracking on, so that later rules find every connection with its true client.
fn verdicts(text: &mut String, side: Side, family: Family, isolations: &[Isolation]) {
    let isolated = isolations
        .iter()
        .enumerate()
        .filter(|(_, isolation)| side.flows(isolation).is_some());
    let elements = isolated.flat_map(|(number, isolation)| {
        let addresses = isolation.addresses.iter();
        addresses
            .filter(|address| Family::of(**address) == family)
            .map(move |address| format!("{address} : jump {}-{number}", side.word()))
    });
    push(
        text,
        format_args!("\tmap {}-{} {{", side.word(), family.word()),
    );
    push(text, format_args!("\t\ttype {} : verdict", family.key()));
    if let Some(set) = set(elements) {
        push(text, format_args!("\t\telements = {set}"));
    }
    push(text, format_args!("\t}}"));
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("because a String takes every text");
}
