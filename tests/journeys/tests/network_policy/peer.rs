//! Pods that speak to each other.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::ops::Deref;
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::{Mutex, PoisonError};

use datalab_lab::tenant::Tenant;

/// The program of the pods, both of its sides.
pub(crate) const PROGRAM: &str = include_str!("peer.pl");

/// The API server's name: every pod of every cluster can look it up.
const A_NAME: &str = "kubernetes.default.svc.cluster.local";

/// Something that listens: a pod or a Service.
pub(crate) struct Host {
    /// How failures call it.
    pub(crate) name: String,
    /// Its IP address.
    pub(crate) address: String,
}

/// A pod that listens, and sends what it is told to.
pub(crate) struct Peer {
    host: Host,
    probe: Mutex<Probe>,
}

impl Deref for Peer {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

/// The probing side of the program in a pod, kept open: the API server's way into a pod is open
/// whatever its policies say.
struct Probe {
    client: Child,
    stdin: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

impl Peer {
    /// A pod of `owner` that is ready.
    pub(crate) fn in_pod(owner: &Tenant, pod: &str, address: String) -> Self {
        let line = ["exec", "--stdin", pod, "--", "perl", "-e", PROGRAM, "probe"];
        let line = [&["kubectl", "--namespace", owner.namespace()][..], &line].concat();
        let mut client = owner.program(line).spawn();
        let streams = client.stdin.take().zip(client.stdout.take());
        let (stdin, stdout) = streams.expect("because both are piped");
        Self {
            host: Host {
                name: format!("{}/{pod}", owner.namespace()),
                address,
            },
            probe: Mutex::new(Probe {
                client,
                stdin,
                answers: BufReader::new(stdout),
            }),
        }
    }

    /// One message over a new TCP connection.
    pub(crate) fn tcp(&self, to: &Host, port: u16) -> Flow<'_> {
        self.flow(format!("tcp {} {port}", to.address), &to.name)
    }

    /// One datagram.
    pub(crate) fn udp(&self, to: &Host, port: u16) -> Flow<'_> {
        self.flow(format!("udp {} {port}", to.address), &to.name)
    }

    /// A name asked of the cluster's DNS.
    pub(crate) fn resolve(&self) -> Flow<'_> {
        self.flow(format!("name {A_NAME}"), "the cluster's DNS")
    }

    /// Opens a TCP connection that stays; the flow is one more message over it.
    pub(crate) fn hold(&self, to: &Host, port: u16) -> Flow<'_> {
        let opened = self.flow(format!("hold {} {port}", to.address), &to.name);
        assert_eq!(opened.ask(), "answered", "{opened}");
        self.flow(format!("say {} {port}", to.address), &to.name)
    }

    fn flow(&self, line: String, to: &str) -> Flow<'_> {
        Flow {
            from: self,
            line,
            to: to.to_owned(),
        }
    }
}

/// Something that a pod can be told to send.
pub(crate) struct Flow<'a> {
    from: &'a Peer,
    line: String,
    to: String,
}

impl Flow<'_> {
    /// Sends it: `answered`, or how it failed.
    pub(crate) fn ask(&self) -> String {
        let mut probe = self
            .from
            .probe
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Probe { stdin, answers, .. } = &mut *probe;
        let mut answer = String::new();
        let read = writeln!(stdin, "{}", self.line).and_then(|()| answers.read_line(&mut answer));
        assert!(
            read.is_ok_and(|bytes| bytes > 0),
            "the program in {} has ended",
            self.from.name
        );
        answer.trim_end().to_owned()
    }
}

impl fmt::Display for Flow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.from.name, self.line, self.to)
    }
}
