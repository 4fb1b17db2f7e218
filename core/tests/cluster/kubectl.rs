//! kubectl as the judge: what it sends to which server, we send to the same.

use std::{fs, path::Path, process::Command};

use datalab_core::{
    cluster::Cluster,
    kubeconfig::{Overrides, resolve},
    world::World,
};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    authority::{Authority, Clients},
    fake::{AGENT, Fake, Reply, Seen},
};

/// What a request says about who asks.
fn identity(seen: &Seen) -> Vec<(String, String)> {
    let says = |name: &str| name == "authorization" || name.starts_with("impersonate-");
    seen.headers
        .iter()
        .filter(|(name, _)| says(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Where a request went, and who it said that it came from.
#[derive(Debug, PartialEq)]
struct Visit {
    path: String,
    identity: Vec<(String, String)>,
}

/// The last visit to each server.
fn last(servers: [&Fake; 2]) -> [Option<Visit>; 2] {
    servers.map(|server| {
        let seen = server.seen();
        let seen = seen.last()?;
        let path = seen.target.split('?').next().unwrap_or_default();
        Some(Visit {
            path: path.to_owned(),
            identity: identity(seen),
        })
    })
}

fn version(_: &Seen) -> Reply {
    Reply::Json(
        200,
        json!({"major": "1", "minor": "37", "gitVersion": "v1.37.0", "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}),
    )
}

struct Case {
    name: &'static str,
    kubeconfig: &'static str,
    flags: &'static [&'static str],
    overrides: fn(&mut Overrides),
}

const CASES: &[Case] = &[
    Case {
        name: "the current context",
        kubeconfig: "HOME/first",
        flags: &[],
        overrides: |_| {},
    },
    Case {
        name: "another context",
        kubeconfig: "HOME/first",
        flags: &["--context=b"],
        overrides: |o| o.context = Some("b".into()),
    },
    Case {
        name: "missing, empty and repeated files",
        kubeconfig: "HOME/none:HOME/empty::HOME/first:HOME/first",
        flags: &[],
        overrides: |_| {},
    },
    Case {
        name: "the first file wins",
        kubeconfig: "HOME/first:HOME/second",
        flags: &["--context=both"],
        overrides: |o| o.context = Some("both".into()),
    },
    Case {
        name: "the other order",
        kubeconfig: "HOME/second:HOME/first",
        flags: &[],
        overrides: |_| {},
    },
    Case {
        name: "another user",
        kubeconfig: "HOME/first",
        flags: &["--user=file"],
        overrides: |o| o.user = Some("file".into()),
    },
    Case {
        name: "a file beats a token",
        kubeconfig: "HOME/first",
        flags: &["--user=both"],
        overrides: |o| o.user = Some("both".into()),
    },
    Case {
        name: "a flag beats a token",
        kubeconfig: "HOME/first",
        flags: &["--token=flag"],
        overrides: |o| o.token = Some("flag".to_owned().into()),
    },
    Case {
        name: "a name and a password",
        kubeconfig: "HOME/first",
        flags: &["--user=basic"],
        overrides: |o| o.user = Some("basic".into()),
    },
    Case {
        name: "a plugin",
        kubeconfig: "HOME/first",
        flags: &["--user=exec"],
        overrides: |o| o.user = Some("exec".into()),
    },
    Case {
        name: "a token beats a plugin",
        kubeconfig: "HOME/first",
        flags: &["--user=exec", "--token=flag"],
        overrides: |o| {
            o.user = Some("exec".into());
            o.token = Some("flag".to_owned().into());
        },
    },
    Case {
        name: "impersonation",
        kubeconfig: "HOME/first",
        flags: &["--as=you", "--as-group=g", "--as-uid=1"],
        overrides: |o| {
            o.as_user = Some("you".into());
            o.as_groups = vec!["g".into()];
            o.as_uid = Some("1".into());
        },
    },
    Case {
        name: "impersonation by the file",
        kubeconfig: "HOME/first",
        flags: &["--user=as"],
        overrides: |o| o.user = Some("as".into()),
    },
    Case {
        name: "another cluster",
        kubeconfig: "HOME/first",
        flags: &["--cluster=b"],
        overrides: |o| o.cluster = Some("b".into()),
    },
];

fn prepare(home: &Path, authority: &Authority, a: &Fake, b: &Fake) {
    fs::write(home.join("ca.crt"), authority.pem()).unwrap();
    fs::write(home.join("empty"), "").unwrap();
    fs::create_dir(home.join("secrets")).unwrap();
    fs::write(home.join("secrets/token"), "from-file").unwrap();
    let exec = r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin"}}'"#;
    let users = json!([
        {"name": "me", "user": {"token": "mine"}},
        {"name": "file", "user": {"tokenFile": "secrets/token"}},
        {"name": "both", "user": {"token": "inline", "tokenFile": "secrets/token"}},
        {"name": "basic", "user": {"username": "u", "password": "p:w"}},
        {"name": "as", "user": {"token": "mine", "as": "them", "as-groups": ["h", "i"], "as-user-extra": {"reason": ["r"]}}},
        {"name": "exec", "user": {"exec": {"command": "sh", "args": ["-c", exec], "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}}},
    ]);
    let cluster = |name: &str, server: String| json!({"name": name, "cluster": {"server": server, "certificate-authority": "ca.crt"}});
    let first = json!({
        "apiVersion": "v1", "kind": "Config", "unknown-key": 1, "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "me"}}, {"name": "b", "context": {"cluster": "b", "user": "file"}}, {"name": "both", "context": {"cluster": "both", "user": "me"}}],
        "clusters": [cluster("a", a.url()), cluster("b", format!("{}/prefix", b.url())), cluster("both", a.url())],
        "users": users,
    });
    let second = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "both",
        "contexts": [{"name": "both", "context": {"cluster": "both", "user": "other"}}],
        "clusters": [cluster("both", b.url())],
        "users": [{"name": "me", "user": {"token": "theirs", "as": "nobody"}}, {"name": "other", "user": {"token": "other"}}],
    });
    fs::write(
        home.join("first"),
        serde_json::to_string_pretty(&first).unwrap(),
    )
    .unwrap();
    fs::write(home.join("second"), second.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agrees_with_us() {
    if Command::new("kubectl")
        .arg("version")
        .arg("--client")
        .output()
        .is_err()
    {
        datalab_lab::skip("kubectl agrees with us", "kubectl");
        return;
    }
    for case in CASES {
        let authority = Authority::new();
        let server =
            || Fake::start_secure(authority.server("127.0.0.1", Clients::Anybody), version);
        let (a, b) = (server().await, server().await);
        let home = tempfile::tempdir().unwrap();
        prepare(home.path(), &authority, &a, &b);
        let kubeconfig = case
            .kubeconfig
            .replace("HOME", home.path().to_str().unwrap());

        let output = Command::new("kubectl")
            .args(["version", "-o", "json"])
            .args(case.flags)
            .env("KUBECONFIG", &kubeconfig)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}: {}",
            case.name,
            String::from_utf8_lossy(&output.stderr)
        );
        let theirs = last([&a, &b]);

        let path = std::env::var("PATH").unwrap();
        let (world, _) = World::test(
            Timestamp::UNIX_EPOCH,
            [("KUBECONFIG", kubeconfig.as_str()), ("PATH", &path)],
        );
        let mut overrides = Overrides::default();
        (case.overrides)(&mut overrides);
        let before = a.seen().len() + b.seen().len();
        let connection = resolve(&overrides, &world).unwrap();
        Cluster::connect(connection, AGENT, &world)
            .await
            .unwrap()
            .server_version()
            .await
            .unwrap();
        assert_eq!(a.seen().len() + b.seen().len(), before + 1);
        let ours = last([&a, &b]);
        assert_eq!(ours, theirs, "{}", case.name);
    }
}
