//! What stands in the way from outside the cluster: one message and one exit code each.

use std::net::TcpListener;

use datalab_lab::tenant::{Output, Release, Stage};
use regex::Regex;
use serde_json::{Value, json};

use super::listening::{Listening, until};
use super::{ORDERS, SUMMED, Scene};
use crate::transcript::{Transcript, command_line};

/// A scene of which is kept what the colleague reads.
struct Told {
    scene: Scene,
    stage: Stage,
    transcript: Transcript,
}

impl Told {
    #[track_caller]
    fn unshared(stage: Stage) -> Self {
        let scene = Scene::unshared(&stage, Release::named("postgresql-951239"));
        Self {
            transcript: Transcript::of(&scene.play, "share_db"),
            scene,
            stage,
        }
    }

    /// `kubectl datalab share-db connect NAMESPACE/DATABASE …`, by the colleague.
    #[track_caller]
    fn connect(&self, words: &[&str]) -> Output {
        let line = command_line([&["connect", self.scene.share.as_str()], words].concat());
        let program = self.scene.x.program(line);
        program.env("DATALAB_RELAY_IMAGE", &self.scene.image).run()
    }

    /// Asserts that this is refused before a command, and that nothing of a relay is left; keeps it.
    #[track_caller]
    fn keep(&self, name: &str, words: &[&str]) {
        let refused = self.connect(&[words, &["--", "true"]].concat());
        assert_eq!(refused.code(), Some(125), "{refused}");
        super::relay::until_no_relay(&self.scene);
        let text = refused.to_string().replace(&self.scene.image, "IMAGE");
        // How the node's network says that there is no such registry.
        let nowhere = Regex::new("dial tcp: .*").expect("because it is constant");
        let text = nowhere.replace_all(&text, "dial tcp: no such host");
        let port = Regex::new(r"\bport \d+").expect("because it is constant");
        let text = port.replace_all(&text, "port PORT");
        self.transcript.keep_text(&format!("laptop-{name}"), &text);
    }

    /// Waits until the colleague reads this: rules of the cluster count a moment after they were made,
    /// and a moment longer than they are there.
    #[track_caller]
    fn until_told(&self, words: &str) {
        until(words, || {
            self.connect(&["--", "true"]).stderr().contains(words)
        });
    }

    /// Makes objects in the colleague's namespace, as the cluster's administrator.
    #[track_caller]
    fn administer(&self, verb: &[&str], object: &Value) {
        let namespace = ["--namespace", self.scene.x.namespace()];
        let kubectl = self
            .stage
            .kubectl([verb, &namespace, &["-f", "-"]].concat());
        kubectl.input(object.to_string()).run().ok();
    }
}

#[test]
fn each_way_of_not_being_let_in_says_which() {
    let Some(stage) = Stage::required("each way of not being let in") else {
        return;
    };
    let told = Told::unshared(stage);
    let scene = &told.scene;
    let keep = |name: &str, words: &[&str]| told.keep(name, words);
    let notebook = scene.x.pod("notebook");

    keep("no-share", &[]);
    scene.grant("--connection-limit 1").ok();
    assert_eq!(
        scene.connect(&["--", "psql", "-XAtqc", ORDERS]).ok(),
        SUMMED
    );

    let held = Listening::start(scene, &["--via", "pod"]);
    let mut session = held.client("held");
    assert_eq!(session.ask("SELECT 1"), "1");
    keep("too-many-connections", &[]);
    drop(session);

    // The port of one connect is busy for another.
    let port = held.variable("PGPORT").to_owned();
    keep("port-busy", &["--port", &port]);
    let listening = told.connect(&["--port", &port, "--listen"]);
    assert_eq!(listening.code(), Some(8), "{listening}");
    held.end(nix::sys::signal::Signal::SIGINT);

    // Its own namespace lets nothing out but questions for names.
    let egress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "egress"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [
            {"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"},
        ]}]},
    });
    told.administer(&["create"], &egress);
    notebook.until_unreachable(scene.db.host());
    keep("egress-pod", &[]);
    keep("egress-relay", &["--via", "relay"]);
    told.administer(&["delete"], &egress);
    notebook.until_reachable(scene.db.host());

    // What the database is called means nothing on the laptop's own network.
    let impostor = TcpListener::bind("127.0.0.1:0").expect("because a port is free");
    let port = impostor.local_addr().expect("because it is bound").port();
    let secret = scene.secret();
    let elsewhere = format!(r#"{{"stringData":{{"host":"localhost","port":"{port}"}}}}"#);
    let patch = ["patch", "secret", secret.name(), "--patch", &elsewhere];
    scene.me.kubectl(patch).ok();
    let refused = scene.connect(&["--", "true"]).fails_with(125);
    assert!(refused.contains("tried from pod notebook"), "{refused}");
    let asked = impostor
        .set_nonblocking(true)
        .and_then(|()| impostor.accept());
    assert!(asked.is_err(), "the laptop's own network was asked");
    scene.grant("--connection-limit 1").ok();

    let wrong = r#"{"stringData":{"password":"wrong"}}"#;
    let patch = ["patch", "secret", secret.name(), "--patch", wrong];
    scene.me.kubectl(patch).ok();
    keep("wrong-password", &[]);
    scene.grant("--connection-limit 1").ok();

    scene.grant("--connection-limit 1 --for 3s").ok();
    told.until_told("ended at");
    keep("expired", &[]);
    let printed = told.connect(&["--print", "env"]);
    assert_eq!(
        (printed.code(), printed.stdout()),
        (Some(4), ""),
        "{printed}"
    );
    super::share_db(
        &scene.me,
        &format!("revoke postgres --with {}", scene.x.namespace()),
    )
    .ok();
    let revoked = told.connect(&["--", "true"]).to_string();
    told.transcript.keep_text("laptop-no-share", &revoked);
}

#[test]
fn a_relay_that_the_cluster_does_not_run_says_why() {
    let Some(stage) = Stage::required("a relay that does not run") else {
        return;
    };
    let told = Told::unshared(stage);
    let scene = &told.scene;
    let keep = |name: &str, words: &[&str]| told.keep(name, words);
    scene.grant("").ok();

    keep(
        "relay-image",
        &["--relay-image", "registry.invalid/relay:1"],
    );
    keep("relay-image-name", &["--relay-image", "No Image"]);

    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"},
        "spec": {"hard": {"requests.cpu": "1m"}},
    });
    told.administer(&["create"], &quota);
    told.until_told("exceeded quota");
    keep("relay-quota", &[]);
    told.administer(&["delete"], &quota);

    let limits = json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]},
    });
    told.administer(&["create"], &limits);
    told.until_told("maximum memory");
    keep("relay-limits", &[]);
    told.administer(&["delete"], &limits);

    let policy = Policy::against_relays(&told);
    told.until_told("network team");
    keep("relay-admission", &[]);
    drop(policy);
}

/// A policy of the cluster's that refuses pods of our making in one namespace, until it is dropped.
struct Policy<'s> {
    told: &'s Told,
    name: String,
}

impl<'s> Policy<'s> {
    #[track_caller]
    fn against_relays(told: &'s Told) -> Self {
        let name = told.scene.play.name("no-relays");
        let api = "admissionregistration.k8s.io/v1";
        let here = json!({"kubernetes.io/metadata.name": told.scene.x.namespace()});
        let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
                "spec": {
                    "matchConstraints": {"resourceRules": [{
                        "apiGroups": [""], "apiVersions": ["v1"],
                        "operations": ["CREATE"], "resources": ["pods"],
                    }]},
                    "validations": [{
                        "expression": "!object.spec.containers.exists(c, c.name == 'relay')",
                        "message": "pods that pass connections on need the network team's word",
                    }],
                },
            },
            {
                "apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
                "spec": {
                    "policyName": name, "validationActions": ["Deny"],
                    "matchResources": {"namespaceSelector": {"matchLabels": here}},
                },
            },
        ]});
        let policy = Self { told, name };
        let create = told.stage.kubectl(["create", "-f", "-"]);
        create.input(objects.to_string()).run().ok();
        policy
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        let objects = [
            "delete",
            "--ignore-not-found",
            &format!("validatingadmissionpolicybinding/{}", self.name),
            &format!("validatingadmissionpolicy/{}", self.name),
        ];
        drop(self.told.stage.kubectl(objects).run());
    }
}
