//! The rendered table, followed word by word as the kernel would for a packet from the client of
//! a connection. A word that it does not know is a failure, not a guess.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Connection;
use crate::policy::model::Protocol;

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The rule does not match, or the chain has ended: on with the next rule.
    Continue,
    Return,
    Accept,
    Refuse,
}

/// Whether the first packet of a connection between two other hosts passes.
pub(super) fn forwards(table: &str, connection: Connection) -> bool {
    follow(table, "forward", "new", connection) != Verdict::Refuse
}

/// Whether the client's later packets pass, to whom ever.
pub(super) fn keeps(table: &str, connection: Connection) -> bool {
    follow(table, "prerouting", "established", connection) != Verdict::Refuse
}

/// Whether the first packet of a connection to the node passes.
pub(super) fn takes_in(table: &str, connection: Connection) -> bool {
    follow(table, "input", "new", connection) != Verdict::Refuse
}

fn follow(table: &str, chain: &str, state: &str, connection: Connection) -> Verdict {
    if chain == "refuse" {
        return Verdict::Refuse;
    }
    for line in block(table, &format!("chain {chain} {{")) {
        match rule(table, line, state, connection) {
            Verdict::Continue => {}
            Verdict::Return => return Verdict::Continue,
            last => return last,
        }
    }
    Verdict::Continue
}

/// The lines between a heading and its closing brace.
fn block<'a>(table: &'a str, heading: &str) -> impl Iterator<Item = &'a str> {
    let heading = format!("\t{heading}\n");
    let (_, rest) = table
        .split_once(&heading)
        .unwrap_or_else(|| panic!("no {heading:?} in\n{table}"));
    rest.lines().map(str::trim).take_while(|line| *line != "}")
}

fn rule(table: &str, line: &str, state: &str, connection: Connection) -> Verdict {
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        let matches = match word {
            "type" | "comment" => return Verdict::Continue,
            "return" => return Verdict::Return,
            "accept" => return Verdict::Accept,
            "goto" => return follow(table, words.next().unwrap(), state, connection),
            "meta" => {
                assert_eq!(words.next(), Some("l4proto"));
                words.next().unwrap() == protocol(connection.protocol)
            }
            "ct" => match (words.next().unwrap(), words.next().unwrap()) {
                ("state", "!=") => words.next().unwrap() != state,
                ("state", only) => only == state,
                ("direction", only) => only == "original",
                ("reply", "proto-src") => within(words.next().unwrap(), connection.port),
                (direction, family) => {
                    assert_eq!(words.next(), Some("saddr"));
                    let address = match direction {
                        "original" => connection.client,
                        "reply" => connection.server,
                        other => panic!("direction {other}"),
                    };
                    let same_family = match family {
                        "ip" => address.is_ipv4(),
                        "ip6" => address.is_ipv6(),
                        other => panic!("family {other}"),
                    };
                    match words.next().unwrap() {
                        "vmap" => {
                            let map = words.next().unwrap().trim_start_matches('@');
                            return match looked_up(table, map, address) {
                                Some(chain) if same_family => {
                                    follow(table, chain, state, connection)
                                }
                                _ => Verdict::Continue,
                            };
                        }
                        "!=" => {
                            let first = words.next().unwrap();
                            same_family && !holds(operand(first, &mut words), address)
                        }
                        first => same_family && holds(operand(first, &mut words), address),
                    }
                }
            },
            other => panic!("{other:?} in {line:?}"),
        };
        if !matches {
            return Verdict::Continue;
        }
    }
    panic!("no verdict in {line:?}");
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}

fn within(range: &str, port: u16) -> bool {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    (first.parse().unwrap()..=last.parse().unwrap()).contains(&port)
}

/// One element, or those between braces.
fn operand<'a>(first: &'a str, words: &mut impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    if first == "{" {
        let elements = words.take_while(|word| *word != "}");
        elements.map(|word| word.trim_end_matches(',')).collect()
    } else {
        vec![first]
    }
}

fn holds(elements: Vec<&str>, address: IpAddr) -> bool {
    elements.into_iter().any(|element| {
        element.parse::<IpAddr>().map_or_else(
            |_| element.parse::<IpNet>().unwrap().contains(&address),
            |element| element == address,
        )
    })
}

/// The chain that a map jumps to.
fn looked_up<'a>(table: &'a str, map: &str, address: IpAddr) -> Option<&'a str> {
    let elements = block(table, &format!("map {map} {{"))
        .find_map(|line| line.strip_prefix("elements = { "))?
        .trim_end_matches(" }");
    elements.split(", ").find_map(|element| {
        let (key, chain) = element.split_once(" : jump ").unwrap();
        (key.parse::<IpAddr>().unwrap() == address).then_some(chain)
    })
}
