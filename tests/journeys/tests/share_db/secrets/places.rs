//! The places where a secret might come to lie, and the search in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use datalab_lab::Lab;
use datalab_lab::tenant::{Database, Output, Stage, Tenant};
use serde_json::Value;

/// What must be found in every place, to prove that a password would have been.
pub(super) const CANARY: &str = "canary-7e57ab1e";

/// Texts by the place they were seen in.
#[derive(Default)]
pub(super) struct Places(pub(super) BTreeMap<&'static str, Vec<String>>);

impl Places {
    pub(super) fn put(&mut self, place: &'static str, text: impl Into<String>) {
        self.0.entry(place).or_default().push(text.into());
    }

    /// Runs a command, and looks at its streams and at the arguments of every process meanwhile.
    #[track_caller]
    pub(super) fn watch(&mut self, tenant: &Tenant, line: &[&str]) -> Output {
        let watcher = Watcher::start();
        let output = tenant.run(line);
        for arguments in watcher.stop() {
            self.put("arguments of processes", arguments);
        }
        self.put("stdout", output.stdout());
        self.put("stderr", output.stderr());
        output
    }

    /// Where a text stands, with the line around it.
    pub(super) fn find(&self, needle: &str) -> BTreeMap<&'static str, String> {
        let mut found = BTreeMap::new();
        for (place, texts) in &self.0 {
            let line = texts
                .iter()
                .flat_map(|text| text.lines())
                .find(|line| line.contains(needle));
            if let Some(line) = line {
                found.insert(*place, line.to_owned());
            }
        }
        found
    }
}

/// Reads the command line of every process of the machine, over and over.
pub(super) struct Watcher {
    over: Arc<AtomicBool>,
    seen: thread::JoinHandle<BTreeSet<String>>,
}

impl Watcher {
    pub(super) fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let seen = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !until.load(Ordering::Relaxed) {
                for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
                    // A process may end while it is looked at.
                    if let Ok(line) = fs::read(process.path().join("cmdline")) {
                        seen.insert(String::from_utf8_lossy(&line).replace('\0', " "));
                    }
                }
                thread::sleep(Duration::from_millis(2));
            }
            seen
        });
        Self { over, seen }
    }

    pub(super) fn stop(self) -> BTreeSet<String> {
        self.over.store(true, Ordering::Relaxed);
        self.seen
            .join()
            .expect("because reading /proc does not panic")
    }
}

/// Everything in a namespace but the data of Secrets.
#[track_caller]
pub(super) fn objects(stage: &Stage, namespace: &str, kinds: &str) -> String {
    let get = [
        "get",
        kinds,
        "--namespace",
        namespace,
        "--output=json",
        "--show-managed-fields",
    ];
    let mut list: Value = serde_json::from_str(&stage.kubectl(get).run().ok())
        .expect("because kubectl writes JSON when asked to");
    for object in list["items"].as_array_mut().into_iter().flatten() {
        if object["kind"] == "Secret" {
            object["data"].take();
        }
    }
    serde_json::to_string_pretty(&list).expect("because it was JSON")
}

/// The lab's audit log from now on; on a cluster of one's own there is none to read.
pub(super) struct AuditLog(Option<(fs::File, PathBuf, SystemTime)>);

impl AuditLog {
    #[track_caller]
    pub(super) fn begin() -> Self {
        let log = Lab::from_env().ok().map(|lab| lab.audit_log());
        Self(log.map(|log| {
            let mut file = open(&log);
            file.seek(SeekFrom::End(0))
                .expect("because a log has an end");
            (file, log, SystemTime::now())
        }))
    }

    /// What came since, once the line with the canary did: the server writes in order.
    #[track_caller]
    pub(super) fn until_canary(self) -> Option<String> {
        let (mut file, path, began) = self.0?;
        let mut text = String::new();
        for _ in 0..100 {
            read(&mut file, &mut text);
            if text.contains(CANARY) {
                return Some(text);
            }
            // A full log is put aside, and a new one begun under its name.
            let is_new = |log: &fs::Metadata| {
                log.ino() != inode(&file) && log.modified().is_ok_and(|time| time >= began)
            };
            if fs::metadata(&path).is_ok_and(|log| is_new(&log)) {
                read(&mut file, &mut text);
                file = open(&path);
            }
            thread::sleep(Duration::from_millis(100));
        }
        Some(text)
    }
}

#[track_caller]
fn open(log: &Path) -> fs::File {
    fs::File::open(log).expect("because the lab's API server writes an audit log")
}

#[track_caller]
fn read(file: &mut fs::File, text: &mut String) {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .expect("because the log can be read");
    text.push_str(&String::from_utf8_lossy(&bytes));
}

#[track_caller]
fn inode(file: &fs::File) -> u64 {
    file.metadata().expect("because the file is open").ino()
}

/// Puts the canary where a secret might have come to lie.
#[track_caller]
pub(super) fn plant_canaries(stage: &Stage, me: &Tenant, database: &Database, places: &mut Places) {
    let echo = format!("echo {CANARY}; echo {CANARY} >&2; sleep 0.2");
    places.watch(me, &["sh", "-c", &echo]).ok();
    database.sql("postgres", &format!("SELECT '{CANARY}'"));
    let annotate = format!("canary={CANARY}");
    me.kubectl([
        "annotate",
        "rolebinding",
        "full_control_namespace",
        &annotate,
    ])
    .ok();
    me.kubectl(["get", "secret", CANARY]).fails();
    let event = serde_json::json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": "canary", "namespace": me.namespace()},
        "involvedObject": {"kind": "Pod", "name": database.pod(), "namespace": me.namespace()},
        "reason": "Canary", "message": CANARY, "type": "Normal",
    });
    stage
        .kubectl(["create", "-f", "-"])
        .input(event.to_string())
        .run()
        .ok();
}
