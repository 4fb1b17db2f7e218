//! What a tenant's share-db asked of the API server, as the server's own audit log has it.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::Lab;
use datalab_lab::tenant::{Stage, Tenant};
use serde_json::Value;

/// How share-db names itself to the server.
const AGENT: &str = "kubectl-datalab-share-db/";

/// A request is in the log a moment after its answer; this is for a busy machine.
const WRITTEN: Duration = Duration::from_secs(10);

/// The log, read on from where the last look ended.
pub(crate) struct Audit {
    stage: Stage,
    user: String,
    path: PathBuf,
    log: BufReader<File>,
    looks: u32,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) verb: String,
    /// With its subresource, as in `pods/portforward`.
    pub(crate) resource: String,
    group: String,
    dry_run: bool,
}

impl Audit {
    /// The requests of this tenant from now on. Only the lab's log can be read: elsewhere this says what
    /// is skipped, and hands out nothing.
    ///
    /// # Panics
    /// When there is none with `CI=true`.
    #[track_caller]
    pub(crate) fn begin(stage: &Stage, tenant: &Tenant) -> Option<Self> {
        let Ok(lab) = Lab::from_env() else {
            datalab_lab::skip("requests are counted", "the lab's audit log");
            return None;
        };
        let path = lab.audit_log();
        let mut log = open(&path);
        log.seek(SeekFrom::End(0))
            .expect("because the audit log is a file");
        let mut audit = Self {
            stage: stage.clone(),
            user: tenant.user().to_owned(),
            path,
            log,
            looks: 0,
        };
        let _ = audit.look();
        Some(audit)
    }

    /// All requests since the last look.
    #[track_caller]
    pub(crate) fn look(&mut self) -> Vec<Request> {
        // A request of our own, behind which all earlier ones lie.
        self.looks += 1;
        let mark = format!("look-{}-of-{}", self.looks, self.user);
        let selector = format!("--selector=datalab-audit={mark}");
        self.stage
            .kubectl(["get", "serviceaccounts", &selector])
            .run()
            .ok();

        let started = Instant::now();
        let mut requests = Vec::new();
        loop {
            while let Some(line) = self.line() {
                if line.contains(&mark) {
                    return requests;
                }
                requests.extend(self.request(&line));
            }
            assert!(
                started.elapsed() < WRITTEN,
                "{mark} is not in the audit log"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The next whole line. The server renames a full log and begins another.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self
            .log
            .read_line(&mut line)
            .expect("because the audit log is text");
        if line.ends_with('\n') {
            return Some(line);
        }
        if read > 0 {
            let read = i64::try_from(read).expect("because a line is short");
            self.log
                .seek_relative(-read)
                .expect("because the audit log is a file");
            return None;
        }
        let next = open(&self.path);
        let inode = |log: &BufReader<File>| {
            let metadata = log.get_ref().metadata();
            metadata.expect("because the audit log is open").ino()
        };
        if inode(&next) != inode(&self.log) {
            self.log = next;
        }
        None
    }

    fn request(&self, line: &str) -> Option<Request> {
        let event: Value = serde_json::from_str(line).expect("because the audit log is JSON");
        let text = |pointer: &str| {
            let value = event.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let ours = text("/user/username") == self.user && text("/userAgent").starts_with(AGENT);
        let resource = [text("/objectRef/resource"), text("/objectRef/subresource")];
        (ours && text("/stage") == "ResponseComplete").then(|| Request {
            verb: text("/verb"),
            resource: resource.join("/").trim_end_matches('/').to_owned(),
            group: text("/objectRef/apiGroup"),
            dry_run: text("/requestURI").contains("dryRun=All"),
        })
    }
}

fn open(path: &Path) -> BufReader<File> {
    let log = File::open(path).expect("because the lab's API server writes an audit log");
    BufReader::new(log)
}

impl Request {
    /// Whether it was to leave something changed: reviews are asked by `create`, streams opened by it.
    pub(crate) fn writes(&self) -> bool {
        let asks = ["authorization.k8s.io", "authentication.k8s.io"].contains(&self.group.as_str());
        let reads = ["get", "list", "watch"].contains(&self.verb.as_str());
        !asks && !reads && !self.dry_run && self.resource != "pods/portforward"
    }

    /// Whether it was a write that the server was only to judge.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run
    }
}
