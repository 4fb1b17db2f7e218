//! Starting the parts in the order in which they need each other, as much at once as they allow.

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::protocol::{Message, tell};
use crate::command::{run, run_with_input};
use crate::control_plane as control;
use crate::layout::{API_PORT, CONTAINERD_SOCKET, Layout, NODE};
use crate::node;
use crate::part::{self, Part, Parts};
use crate::progress::{Event, step};
use crate::state::State;

/// How long any one part may take; a busy machine needs a tenth of it.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How often a part is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(50);

const COREDNS_MANIFEST: &str = include_str!("../../manifests/coredns.yaml");

type Cause = Box<dyn Error + Send + Sync>;

/// A step that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) step: String,
    pub(super) source: Cause,
    pub(super) log: Option<PathBuf>,
}

/// A part that runs but does not do what it is there for.
#[derive(Debug, thiserror::Error)]
#[error("not ready within {limit} s", limit = READY_WITHIN.as_secs())]
struct NotReady(#[source] Cause);

struct Starter<'a> {
    parts: &'a mut Parts,
    layout: &'a Layout,
    kubectl: Kubectl<'a>,
}

/// Starts everything and waits until a pod runs.
pub(super) fn start(
    parts: &mut Parts,
    layout: &Layout,
    state: &State,
    program: &Path,
) -> Result<(), Failure> {
    let programs = &state.programs;
    let kubectl = Kubectl {
        program: &programs.kubectl,
        layout,
    };
    let mut starter = Starter {
        parts,
        layout,
        kubectl,
    };
    // By the time the kubelet needs containerd, it is ready.
    starter.start(node::containerd(layout))?;
    starter.part(control::etcd(layout, programs), || connect(2379))?;
    starter.part(control::kube_apiserver(layout, programs), || {
        connect(API_PORT)?;
        kubectl.run(&["get", "--raw=/readyz"])
    })?;
    starter.start(control::kube_controller_manager(layout, programs))?;
    starter.start(control::kube_scheduler(layout, programs))?;
    starter.start(node::kube_proxy(layout, programs))?;
    starter.step("containerd", Some("containerd"), |starter| {
        starter.until(&ctr_answers)
    })?;
    starter.part(node::kubelet(layout, programs), || {
        let node = format!("node/{NODE}");
        kubectl.run(&["wait", "--for=create", "--timeout=1s", &node])?;
        kubectl.run(&["wait", "--for=condition=Ready", "--timeout=10s", &node])
    })?;
    starter.start(control::network_policy_engine(layout, programs, program))?;
    starter.step("coredns", Some("kubelet"), Starter::dns)
}

impl Starter<'_> {
    /// Starts a part and waits until `ready` succeeds.
    fn part(&mut self, part: Part, ready: impl Fn() -> Result<(), Cause>) -> Result<(), Failure> {
        let name = part.name;
        self.step(name, Some(name), |starter| {
            starter.parts.start(part)?;
            starter.until(&ready)
        })
    }

    /// Starts a part that nothing has to wait for yet.
    fn start(&mut self, part: Part) -> Result<(), Failure> {
        let name = part.name;
        self.parts
            .start(part)
            .map_err(|error| self.failure(name, Some(name), error.into()))
    }

    fn step(
        &mut self,
        name: &str,
        part: Option<&str>,
        work: impl FnOnce(&mut Self) -> Result<(), Cause>,
    ) -> Result<(), Failure> {
        // When `up` is gone, this process is about to end.
        let mut progress = |event: Event| drop(tell(&Message::Event(event)));
        step(&mut progress, name, |_| work(self)).map_err(|error| self.failure(name, part, error))
    }

    fn failure(&self, step: &str, part: Option<&str>, source: Cause) -> Failure {
        // A part that ended is the reason why others do not get ready.
        let ended = source
            .downcast_ref::<part::Error>()
            .and_then(part::Error::part);
        let log = ended.or(part).map(|part| self.layout.log(part));
        Failure {
            step: step.to_owned(),
            source,
            log,
        }
    }

    /// Asks again and again, as long as every part runs.
    fn until(&mut self, ready: &dyn Fn() -> Result<(), Cause>) -> Result<(), Cause> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            self.parts.check()?;
            match ready() {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(NotReady(error).into()),
                Err(_) => thread::sleep(ASK_EVERY),
            }
        }
    }

    fn dns(&mut self) -> Result<(), Cause> {
        let kubectl = self.kubectl;
        let mut apply = kubectl.command();
        apply.args(["apply", "--server-side", "--filename=-"]);
        run_with_input(&mut apply, COREDNS_MANIFEST.as_bytes())?;
        self.until(&|| {
            let rollout = [
                "rollout",
                "status",
                "--timeout=10s",
                "--namespace=kube-system",
            ];
            kubectl.run(&[&rollout[..], &["deployment/coredns"]].concat())
        })
    }
}

/// The lab's own client, as its administrator.
#[derive(Clone, Copy)]
struct Kubectl<'a> {
    program: &'a Path,
    layout: &'a Layout,
}

impl Kubectl<'_> {
    fn run(self, arguments: &[&str]) -> Result<(), Cause> {
        Ok(run(self.command().args(arguments)).map(drop)?)
    }

    fn command(self) -> Command {
        let mut command = Command::new(self.program);
        command
            .env_clear()
            .env("HOME", self.layout.data("kubectl"))
            .env("KUBECONFIG", self.layout.kubeconfig_inside());
        command
    }
}

fn ctr_answers() -> Result<(), Cause> {
    Ok(run(Command::new("ctr").args(["--address", CONTAINERD_SOCKET, "version"])).map(drop)?)
}

fn connect(port: u16) -> Result<(), Cause> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Ok(TcpStream::connect_timeout(&address, ASK_EVERY).map(drop)?)
}
