//! What a command line showed, as it is kept: command, stdout, stderr and exit code together, with
//! what differs from run to run replaced by something of the same meaning and width.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use datalab_lab::tenant::{Output, Play, Tenant};
use regex::{Captures, Regex};

/// Stands for a play's random suffix, which has five letters: `user-me-story`.
const SUFFIX: &str = "story";

/// What differs from run to run whatever the play, and what stands for it.
const REPLACED: [(&str, &str); 24] = [
    // Where the stage's kubectl lies.
    (r"(?m)^\$ \S*/kubectl ", "$ kubectl "),
    // And the plugin under test.
    (
        r"(?m)^\$ \S*/kubectl-datalab-share_db ",
        "$ kubectl datalab share-db ",
    ),
    // The folder of a play: kubeconfigs, homes.
    (r#"[^\s"']*/datalab-play-\w+"#, "/play"),
    (
        r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z",
        "YYYY-MM-DDThh:mm:ssZ",
    ),
    (
        r"\b\d+/\d+ nodes are available: \d+ node",
        "0/N nodes are available: N node",
    ),
    // Servers of the lab's by their ports, which nobody else has.
    (r"\b[\d.]+:8443\b", "keycloak"),
    (r"\b[\d.]+:7481\b", "ceph"),
    (r"\b[\d.]+:7480\b", "ceph-without-tls"),
    (r"\b[\d.]+:7070\b", "versitygw"),
    (r"\b[\d.]+:7076\b", "sts.versitygw"),
    // A port of the lab's where nobody listens.
    (r"\b10\.200\.\d+\.2:1\b", "nowhere"),
    // An object that is written to see whether that may be.
    (r"-probe-[0-9a-f]{16}\b", "-probe-RANDOMRANDOMRAND"),
    (r"\bexpired \d+ s ago\b", "expired N s ago"),
    // An hour that has just begun.
    (r"\b(59|60) min\b", "60 min"),
    // The lab's authority.
    (r"[^\s=]*/labs/[\w-]+/pki/ca\.crt\b", "/lab/ca.crt"),
    (r"https://[\w.-]+:\d+", "https://api-server:6443"),
    // What a login is told to be run by, and somebody's home.
    (
        r"\S*/kubectl-datalab-(oidc_login|s3_creds)\b",
        "kubectl-datalab-$1",
    ),
    // The interpreter of a story's own.
    (r"(?m)^\$ \S*/consumers/\w+/bin/", "$ "),
    (r#"[^\s"'=]*/datalab-laptop-\w+"#, "/home/me"),
    (r"\b(127\.0\.0\.1|localhost):\d+", "$1:PORT"),
    // A relay's Job, and its pod.
    (
        r"\bshare-db-relay-[0-9a-f]{8}\b(-\w{5}\b)?",
        "share-db-relay-RANDOM",
    ),
    // A certificate's file, by its digest.
    (r"\bca-[0-9a-f]{16}\.pem\b", "ca-DIGEST.pem"),
    (r"PostgreSQL \d+(\.\d+)*", "PostgreSQL N"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UID"),
];

/// The id of a share: twelve hexadecimal digits at the end of a name, or in a login's comment.
const ID: &str = r"([-_]|\bid )([0-9a-f]{12})\b";

/// Runs `kubectl datalab share-db …` as a tenant.
#[track_caller]
pub fn share_db<S: AsRef<OsStr>>(tenant: &Tenant, words: impl IntoIterator<Item = S>) -> Output {
    tenant.run(command_line(words))
}

/// The words of `kubectl datalab share-db …`, for a program to be started in another way.
#[must_use]
pub fn command_line<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Vec<OsString> {
    let mut line = ["kubectl", "datalab", "share-db"]
        .map(OsString::from)
        .to_vec();
    line.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
    line
}

/// The snapshots of one play.
pub struct Transcript {
    suffix: String,
    snapshots: PathBuf,
}

impl Transcript {
    /// Of this play, whose random suffix is redacted; kept in the folder `snapshots` of a test target of
    /// this package, `share_db` say.
    #[must_use]
    pub fn of(play: &Play, target: &str) -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self {
            suffix: play.name(""),
            snapshots: package.join("tests").join(target).join("snapshots"),
        }
    }

    /// Asserts that a command showed what `snapshots/NAME.snap` holds.
    #[track_caller]
    pub fn keep(&self, name: &str, output: &Output) {
        self.keep_text(name, &output.to_string());
    }

    /// Asserts that a text is what `snapshots/NAME.snap` holds: several commands in a row, say.
    #[track_caller]
    pub fn keep_text(&self, name: &str, text: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path(&self.snapshots);
        settings.bind(|| insta::assert_snapshot!(name, self.redact(text)));
    }

    /// The text with everything replaced that differs from run to run.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if !self.suffix.is_empty() {
            text = text.replace(&self.suffix, &format!("-{SUFFIX}"));
        }
        for (pattern, replacement) in REPLACED {
            text = regex(pattern).replace_all(&text, replacement).into_owned();
        }
        number_ids(&text)
    }
}

/// Numbers the ids in the order in which they come, so that equal ones stay equal.
fn number_ids(text: &str) -> String {
    let mut known: Vec<String> = Vec::new();
    let replaced = regex(ID).replace_all(text, |captures: &Captures<'_>| {
        let id = &captures[2];
        let index = known
            .iter()
            .position(|known| known == id)
            .unwrap_or_else(|| {
                known.push(id.to_owned());
                known.len() - 1
            });
        format!("{}share-id-{:03}", &captures[1], index + 1)
    });
    replaced.into_owned()
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("because every pattern here is a constant")
}

#[test]
fn what_differs_is_replaced_and_what_is_equal_stays_equal() {
    let transcript = Transcript {
        suffix: "-k3f9x".to_owned(),
        snapshots: PathBuf::new(),
    };
    assert_eq!(
        transcript.redact(
            "$ /opt/lab/bin/kubectl get --kubeconfig /tmp/datalab-play-Xy12/user-me-k3f9x/kubeconfig\n\
             share_user-x-k3f9x_e6a453a7cf96 share-a-0123456789ab share-b-e6a453a7cf96\n\
             2026-12-21T10:00:00Z at https://10.123.0.1:6443/api, 127.0.0.1:40123, PostgreSQL 15.14 (Debian)"
        ),
        "$ kubectl get --kubeconfig /play/user-me-story/kubeconfig\n\
         share_user-x-story_share-id-001 share-a-share-id-002 share-b-share-id-001\n\
         YYYY-MM-DDThh:mm:ssZ at https://api-server:6443/api, 127.0.0.1:PORT, PostgreSQL N (Debian)"
    );
}
