//! What a lab could leave behind, looked for with the kernel's own words and not with the lab's.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use serde_json::Value;

/// Paths of Kubernetes' on a machine that has nothing to do with Kubernetes.
const FOREIGN: [&str; 8] = [
    "/etc/cni",
    "/run/containerd",
    "/run/coredns",
    "/run/shade",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
];

/// The machine, as far as labs must not change it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Host {
    rules: String,
    foreign: Vec<PathBuf>,
    network_namespaces: Vec<String>,
}

impl Host {
    pub(crate) fn look() -> Self {
        let existing = FOREIGN
            .map(PathBuf::from)
            .into_iter()
            .filter(|path| path.exists());
        Self {
            rules: output(Command::new("nft").args(["--stateless", "list", "ruleset"])),
            foreign: existing.collect(),
            network_namespaces: entries(Path::new("/run/netns")),
        }
    }
}

/// The traces of one lab, taken down while it has a state file.
pub(crate) struct LabTraces {
    directory: PathBuf,
    veth: String,
    cgroup: PathBuf,
    init: i32,
    /// `pid:[4026532001]` and its kin: whoever is in one of them is of the lab.
    namespaces: BTreeSet<OsString>,
}

impl LabTraces {
    pub(crate) fn of(directory: &Path) -> Self {
        let text = fs::read(directory.join("state.json")).unwrap();
        let state: Value = serde_json::from_slice(&text).unwrap();
        let init = i32::try_from(state["init"]["pid"].as_i64().unwrap()).unwrap();
        let own = namespaces(std::process::id());
        let namespaces = namespaces(u32::try_from(init).unwrap());
        Self {
            directory: directory.to_owned(),
            veth: state["veth"].as_str().unwrap().to_owned(),
            cgroup: PathBuf::from(state["cgroup"].as_str().unwrap()),
            init,
            namespaces: namespaces.difference(&own).cloned().collect(),
        }
    }

    /// Whether any process of the lab runs.
    pub(crate) fn runs(&self) -> bool {
        !self.processes().is_empty()
    }

    /// Whether the lab's files are still there.
    pub(crate) fn has_files(&self) -> bool {
        self.directory.exists()
    }

    /// Ends the first process of the lab's pid namespace.
    pub(crate) fn kill_init(&self) {
        kill(self.init);
    }

    /// Ends the process that started the first one.
    pub(crate) fn kill_outer(&self) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.init)).unwrap();
        let parent = status
            .lines()
            .find_map(|line| line.strip_prefix("PPid:"))
            .unwrap();
        kill(parent.trim().parse().unwrap());
    }

    /// Ends the part with `word` on its command line, as a program or as an argument.
    pub(crate) fn kill_part(&self, word: &str) {
        let is_part = |pid: &&u32| {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split('\0')
                .any(|argument| Path::new(argument).ends_with(word))
        };
        let processes = self.processes();
        let pid = processes
            .iter()
            .find(is_part)
            .unwrap_or_else(|| panic!("{word} does not run"));
        kill(i32::try_from(*pid).unwrap());
    }

    /// Puts a process that is not the lab's into one of the lab's cgroups.
    pub(crate) fn occupy_cgroup(&self) -> Stranger {
        let stranger = Stranger(Command::new("sleep").arg("600").spawn().unwrap());
        let cgroup = self.cgroups().into_iter().next().unwrap();
        // Version 2 takes processes in leaves only.
        let leaf = Some(cgroup.join("lab"))
            .filter(|leaf| leaf.exists())
            .unwrap_or(cgroup);
        fs::write(leaf.join("cgroup.procs"), stranger.0.id().to_string()).unwrap();
        stranger
    }

    /// What a part has written.
    pub(crate) fn log(&self, part: &str) -> String {
        fs::read_to_string(self.directory.join("log").join(format!("{part}.log"))).unwrap()
    }

    /// Runs the lab's kubectl as its administrator.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(self.directory.join("bin/kubectl"));
        output(
            command
                .arg("--kubeconfig")
                .arg(self.directory.join("kubeconfig"))
                .args(arguments),
        )
    }

    /// Asks that nothing of the lab is left.
    pub(crate) fn assert_gone(&self) {
        assert_eq!(
            self.left(),
            Vec::<String>::new(),
            "left of {}",
            self.directory.display()
        );
    }

    /// Asks that a lab which is up is seen by everything that [`Self::assert_gone`] looks at.
    pub(crate) fn assert_seen(&self) {
        let seen = self.left().join("\n");
        for kind in ["process", "mount", "device", "route", "cgroup", "file"] {
            assert!(
                seen.contains(kind),
                "no {kind} of a running lab is seen:\n{seen}"
            );
        }
    }

    fn left(&self) -> Vec<String> {
        let directory = self.directory.to_str().unwrap();
        let lines = |kind: &'static str, text: String, word: String| {
            let hits = text
                .lines()
                .filter(|line| line.contains(&word))
                .map(str::to_owned);
            hits.map(|line| format!("{kind}: {line}"))
                .collect::<Vec<_>>()
        };
        let devices = output(Command::new("ip").args(["-oneline", "link"]));
        let routes = output(Command::new("ip").args(["route", "show", "table", "all"]));
        let files = [
            self.directory.clone(),
            self.directory.with_extension("lock"),
        ];
        [
            self.processes()
                .iter()
                .map(|pid| format!("process: {pid}"))
                .collect(),
            lines("mount", self.mounts(), directory.to_owned()),
            lines("device", devices, self.veth.clone()),
            lines("route", routes, self.veth.clone()),
            self.cgroups()
                .iter()
                .map(|path| format!("cgroup: {}", path.display()))
                .collect(),
            files
                .iter()
                .filter(|path| path.exists())
                .map(|path| format!("file: {}", path.display()))
                .collect(),
        ]
        .concat()
    }

    /// The mounts of this machine, and of the lab while it is there.
    fn mounts(&self) -> String {
        let own = fs::read_to_string("/proc/self/mountinfo").unwrap();
        own + &fs::read_to_string(format!("/proc/{}/mountinfo", self.init)).unwrap_or_default()
    }

    fn processes(&self) -> Vec<u32> {
        let pids = entries(Path::new("/proc"))
            .into_iter()
            .filter_map(|name| name.parse().ok());
        pids.filter(|pid| !namespaces(*pid).is_disjoint(&self.namespaces))
            .collect()
    }

    fn cgroups(&self) -> Vec<PathBuf> {
        let root = Path::new("/sys/fs/cgroup");
        let hierarchies = entries(root).into_iter().map(|name| root.join(name));
        hierarchies
            .chain([root.to_owned()])
            .map(|hierarchy| hierarchy.join(&self.cgroup))
            .filter(|cgroup| cgroup.exists())
            .collect()
    }
}

/// A process that ends when it is dropped.
pub(crate) struct Stranger(Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The namespaces of a process; none when it has ended.
fn namespaces(pid: u32) -> BTreeSet<OsString> {
    ["net", "mnt", "pid"]
        .into_iter()
        .filter_map(|kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok())
        .map(PathBuf::into_os_string)
        .collect()
}

/// The names in a folder, in order; none when there is no folder.
pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn kill(pid: i32) {
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}
