//! What the lab's containerd is told from outside.

use std::process::Command;

use super::Lab;
use crate::command::{self, run};
use crate::layout::CONTAINERD_SOCKET;

/// The namespace in which Kubernetes' images and containers are.
const NAMESPACE: &str = "--namespace=k8s.io";

impl Lab {
    /// Ends every process of a container at once and without a word, as the loss of its node would;
    /// `id` is what the pod's status says: `containerd://…`.
    pub(crate) fn kill_container(&self, id: &str) -> Result<(), command::Error> {
        let id = id.trim_start_matches("containerd://");
        self.ctr(&["tasks", "kill", "--all", "--signal", "KILL", id])
            .map(drop)
    }

    /// What containerd's client answers.
    pub(super) fn ctr(&self, arguments: &[&str]) -> Result<String, command::Error> {
        run(self.ctr_command().args(arguments))
    }

    /// containerd's client, which finds its socket in the lab's own `/run`.
    pub(super) fn ctr_command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.init_pid().to_string(), "--"]);
        command.args(["ctr", "--address", CONTAINERD_SOCKET, NAMESPACE]);
        command
    }
}
