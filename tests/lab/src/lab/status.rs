//! How a lab fares: its parts, its node, its versions.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Lab;
use crate::command::run;
use crate::control_plane::NETWORK_POLICY_ENGINE;
use crate::layout::NODE;
use crate::part::{Condition, Report};

/// One part of a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartStatus {
    /// What its first process reports.
    pub report: Report,
    /// Its pid as the machine sees it, while it runs.
    pub pid: Option<i32>,
}

impl PartStatus {
    /// Whether it is said to run and does.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.report.condition == Condition::Running && self.pid.is_some()
    }
}

/// How a lab fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its parts, in the order of their start.
    pub parts: Vec<PartStatus>,
    /// Whether the node is ready; `None` when the API server does not say.
    pub node_ready: Option<bool>,
    /// The API server's version, such as `v1.37.1`.
    pub server_version: Option<String>,
    /// What runs the containers, such as `containerd://1.6.20`.
    pub runtime_version: Option<String>,
}

impl Status {
    /// Whether every part runs and the node is ready.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.parts.is_empty()
            && self.parts.iter().all(PartStatus::runs)
            && self.node_ready == Some(true)
    }
}

/// How long a lab on a busy machine may seem unwell.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

impl Lab {
    /// Asks the lab how it fares. What cannot be asked is unknown, not an error.
    #[must_use]
    pub fn status(&self) -> Status {
        let jsonpath = r#"-o=jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.nodeInfo.containerRuntimeVersion}"#;
        let node = self.ask(&["get", "node", NODE, jsonpath]);
        let (ready, runtime) = node
            .as_deref()
            .and_then(|node| node.split_once(' '))
            .unzip();
        Status {
            parts: self.parts(),
            node_ready: ready.map(|ready| ready == "True"),
            runtime_version: runtime.map(str::to_owned),
            server_version: self
                .ask(&["get", "--raw=/version"])
                .and_then(|text| serde_json::from_str::<Version>(&text).ok())
                .map(|version| version.git_version),
        }
    }

    /// The lab's parts, in the order of their start.
    pub(super) fn parts(&self) -> Vec<PartStatus> {
        let reports: Vec<Report> = fs::read(self.layout.parts())
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let pids = self.pids();
        let find = |report: &Report| {
            let found = pids.iter().find(|(_, inside)| *inside == report.pid);
            found
                .filter(|_| report.condition == Condition::Running)
                .map(|(pid, _)| *pid)
        };
        reports
            .into_iter()
            .map(|report| PartStatus {
                pid: find(&report),
                report,
            })
            .collect()
    }

    /// Waits until the lab is healthy; `Err` says why it will not be.
    pub(super) fn settled(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if status.is_healthy() {
                return Ok(());
            }
            // What has ended does not come back by waiting, but for the one that is restarted.
            for Report {
                name, condition, ..
            } in status.parts.iter().map(|part| &part.report)
            {
                if let Condition::Ended(how) = condition
                    && name != NETWORK_POLICY_ENGINE
                {
                    return Err(format!("{name} ended: {how}"));
                }
            }
            if Instant::now() > deadline {
                return Err(match status.node_ready {
                    Some(_) => "its node is not ready".to_owned(),
                    None => "its API server does not answer".to_owned(),
                });
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn ask(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(self.kubectl());
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .arg("--request-timeout=5s");
        run(command.args(arguments)).ok()
    }

    /// The pids of the lab's processes: as the machine sees them, and as the lab does.
    fn pids(&self) -> Vec<(i32, u32)> {
        let namespace = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let own = namespace(self.init.pid);
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| own.is_some() && namespace(*pid) == own)
            .filter_map(|pid| Some((pid, pid_inside(Path::new("/proc"), pid)?)))
            .collect()
    }
}

/// The last number in the line `NSpid`: the pid in the innermost namespace.
fn pid_inside(proc: &Path, pid: i32) -> Option<u32> {
    let status = fs::read_to_string(proc.join(pid.to_string()).join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}
