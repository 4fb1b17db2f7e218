//! The operator from a story's side: there when it is needed, and restarted when nobody else needs it.

use std::error::Error as _;

use super::super::stage::Stage;
use super::Cluster;
use crate::Lab;
use crate::cloudnative_pg::{self, DEPLOYMENT, NAMESPACE, OPERATOR};
use crate::lock::Lock;
use crate::progress;

/// A time in which the operator runs, or in which only the holder depends on it.
pub(super) struct Turn(#[expect(dead_code, reason = "it is let go by being dropped")] Lock);

impl Turn {
    /// A time in which nobody restarts the operator.
    #[track_caller]
    pub(super) fn share(stage: &Stage) -> Self {
        let lock = Lock::share(&cloudnative_pg::turn(lab(stage)));
        Self(lock.expect("because the lab's own directory can be written"))
    }

    /// A time in which nobody else needs the operator.
    #[track_caller]
    fn alone(stage: &Stage) -> Self {
        let lock = Lock::acquire(&cloudnative_pg::turn(lab(stage)), || {});
        Self(lock.expect("because the lab's own directory can be written"))
    }
}

/// Installs the operator unless it is there; hands out the major version of its PostgreSQL.
#[track_caller]
pub(super) fn install(stage: &Stage) -> u32 {
    let installed = cloudnative_pg::install(lab(stage), &mut progress::on_stderr);
    installed
        .map_err(|error| {
            // With its causes, which `expect` would show in another form.
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            text
        })
        .expect("because a lab can be given the operator")
}

/// Ends a container as the loss of its node would; it may be gone already.
#[track_caller]
pub(super) fn kill_container(stage: &Stage, id: &str) {
    let killed = lab(stage)
        .kill_container(id)
        .map_err(|error| error.to_string());
    let gone = killed
        .as_ref()
        .is_err_and(|error| error.contains("not found") || error.contains("already finished"));
    assert!(killed.is_ok() || gone, "{killed:?}");
}

#[track_caller]
fn lab(stage: &Stage) -> &Lab {
    stage
        .lab()
        .expect("because the operator is only installed in a lab: ask for Stage::required_lab")
}

impl Cluster {
    /// Ends the operator's pod and waits until the next one serves: connections that it kept alive
    /// are gone, and policies hold for those it makes now. Waits first for stories that need the
    /// operator just then.
    #[track_caller]
    pub fn restart_operator(&self) {
        let stage = self.stage();
        let _turn = Turn::alone(stage);
        let restart = ["rollout", "restart", "--namespace", NAMESPACE, DEPLOYMENT];
        stage.kubectl(restart).run().ok();
        let wait = [
            "rollout",
            "status",
            "--timeout=170s",
            "--namespace",
            NAMESPACE,
            DEPLOYMENT,
        ];
        stage.kubectl(wait).run().ok();
        self.until("the new operator to lead", || leads(stage));
    }
}

/// Whether the operator that runs is the one that leads: it does nothing before, and a predecessor's
/// lease lasts 15 s unless that one gave it back.
#[track_caller]
fn leads(stage: &Stage) -> bool {
    let get = |what: &str, options: &[&str]| {
        let line = [&["get", what, "--namespace", NAMESPACE], options].concat();
        stage.kubectl(line).run().ok()
    };
    let holder = get(
        "leases.coordination.k8s.io",
        &["--output=jsonpath={.items[*].spec.holderIdentity}"],
    );
    let selector = format!("--selector={OPERATOR}");
    let pods = get(
        "pods",
        &[&selector, "--output=jsonpath={.items[*].metadata.name}"],
    );
    !pods.is_empty() && !pods.contains(' ') && holder.starts_with(&format!("{pods}_"))
}
