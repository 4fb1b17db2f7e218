//! Starting the parts in the order in which they need each other, as much at once as they allow.

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::protocol::{Message, tell};
use crate::command::{run, run_with_input};
use crate::control_plane as control;
use crate::layout::{API_PORT, CONTAINERD_SOCKET, Layout, NODE};
use crate::node;
use crate::part::{Part, Parts};
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
struct NotReady(#[source] Option<Cause>);

struct Starter<'a> {
    parts: &'a Mutex<Parts>,
    layout: &'a Layout,
    state: &'a State,
}

/// Starts everything and waits until a pod runs.
pub(super) fn start(
    parts: &Mutex<Parts>,
    layout: &Layout,
    state: &State,
    program: &Path,
) -> Result<(), Failure> {
    let starter = Starter {
        parts,
        layout,
        state,
    };
    let programs = &state.programs;
    thread::scope(|scope| {
        let image = scope.spawn(|| {
            starter.part(node::containerd(layout), |_| ctr(&["version"]))?;
            starter.step("import image", Some("containerd"), || {
                let archive = state.image.to_string_lossy();
                ctr(&["--namespace=k8s.io", "images", "import", &archive])
            })
        });
        starter.part(control::etcd(layout, programs), |_| connect(2379))?;
        starter.part(control::kube_apiserver(layout, programs), |starter| {
            connect(API_PORT)?;
            starter.kubectl(&["get", "--raw=/readyz"])
        })?;
        for part in [
            control::kube_controller_manager(layout, programs),
            control::kube_scheduler(layout, programs),
            node::kube_proxy(layout, programs),
        ] {
            starter.start(part)?;
        }
        // The kubelet gives up when its runtime does not answer at once.
        starter.wait("containerd", || {
            Ok(std::fs::metadata(CONTAINERD_SOCKET).map(drop)?)
        })?;
        starter.part(node::kubelet(layout, programs), |starter| {
            let node = format!("node/{NODE}");
            starter.kubectl(&["wait", "--for=create", "--timeout=1s", &node])?;
            starter.kubectl(&["wait", "--for=condition=Ready", "--timeout=10s", &node])
        })?;
        starter.start(control::network_policy_engine(layout, programs, program))?;
        image
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        starter.step("coredns", Some("kubelet"), || starter.dns())
    })
}

impl Starter<'_> {
    /// Starts a part and waits until `ready` succeeds.
    fn part(&self, part: Part, ready: impl Fn(&Self) -> Result<(), Cause>) -> Result<(), Failure> {
        let name = part.name;
        self.step(name, Some(name), || {
            self.parts().start(part)?;
            self.until(|| ready(self))
        })
    }

    /// Starts a part that nothing has to wait for.
    fn start(&self, part: Part) -> Result<(), Failure> {
        let name = part.name;
        self.parts()
            .start(part)
            .map_err(|error| self.failure(name, Some(name), error.into()))
    }

    fn wait(&self, name: &str, ready: impl Fn() -> Result<(), Cause>) -> Result<(), Failure> {
        self.until(ready)
            .map_err(|error| self.failure(name, Some(name), error))
    }

    fn step(
        &self,
        name: &str,
        part: Option<&str>,
        work: impl FnOnce() -> Result<(), Cause>,
    ) -> Result<(), Failure> {
        // When `up` is gone, this process is about to end.
        let mut progress = |event: Event| drop(tell(&Message::Event(event)));
        step(&mut progress, name, |_| work()).map_err(|error| self.failure(name, part, error))
    }

    fn failure(&self, step: &str, part: Option<&str>, source: Cause) -> Failure {
        Failure {
            step: step.to_owned(),
            source,
            log: part.map(|part| self.layout.log(part)),
        }
    }

    /// Asks again and again, as long as every part runs.
    fn until(&self, ready: impl Fn() -> Result<(), Cause>) -> Result<(), Cause> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            self.parts().check()?;
            match ready() {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    return Err(NotReady(Some(error)).into());
                }
                Err(_) => thread::sleep(ASK_EVERY),
            }
        }
    }

    fn dns(&self) -> Result<(), Cause> {
        let apply = ["apply", "--server-side", "--filename=-"];
        run_with_input(
            self.kubectl_command().args(apply),
            COREDNS_MANIFEST.as_bytes(),
        )?;
        self.until(|| {
            let status = ["rollout", "status", "--timeout=10s", "deployment/coredns"];
            self.kubectl(
                &["--namespace=kube-system"]
                    .iter()
                    .chain(&status)
                    .copied()
                    .collect::<Vec<_>>(),
            )
        })
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<(), Cause> {
        Ok(run(self.kubectl_command().args(arguments)).map(drop)?)
    }

    fn kubectl_command(&self) -> Command {
        let mut command = Command::new(&self.state.programs.kubectl);
        command
            .env_clear()
            .env("HOME", self.layout.data("kubectl"))
            .env("KUBECONFIG", self.layout.kubeconfig_inside());
        command
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ctr(arguments: &[&str]) -> Result<(), Cause> {
    let mut command = Command::new("ctr");
    Ok(run(command
        .args(["--address", CONTAINERD_SOCKET])
        .args(arguments))
    .map(drop)?)
}

fn connect(port: u16) -> Result<(), Cause> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Ok(TcpStream::connect_timeout(&address, ASK_EVERY).map(drop)?)
}
