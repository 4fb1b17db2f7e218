//! The same rooms against a real API server with real kubelets: what the fakes cannot vouch for.
//!
//! Needs a lab (`eval "$(cargo xtask lab env)"`).
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so, by panicking"
)]

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use datalab_core::{
    cluster::{
        Access, Cluster, Creation, Error, Identity, WriteMode,
        api::{
            ByteString,
            api::core::v1::{Pod, Secret},
        },
    },
    kubeconfig::{Overrides, resolve},
    report::{Failure, Kind},
    words::Namespace,
    world::World,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const AGENT: &str = "kubectl-datalab-core-test/0.0.0";

/// A namespace of its own in the lab, gone when the test is over.
struct Stage {
    namespace: Namespace,
}

impl Stage {
    /// `None`, said aloud, without a lab.
    fn new(name: &str) -> Option<Self> {
        if std::env::var_os("DATALAB_LAB").is_none() {
            datalab_lab::skip(name, "the lab: eval \"$(cargo xtask lab env)\"");
            return None;
        }
        let namespace = format!("core-{name}-{}", std::process::id());
        kubectl(&["create", "namespace", &namespace]);
        Some(Self {
            namespace: namespace.parse().unwrap(),
        })
    }

    fn apply(&self, object: &Value) {
        let mut child = Command::new("kubectl")
            .args(["apply", "-n", self.namespace.as_str(), "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        serde_json::to_writer(child.stdin.take().unwrap(), object).unwrap();
        assert!(child.wait().unwrap().success());
    }

    async fn admin(&self) -> Cluster {
        connect(&Overrides::default()).await
    }

    /// A user with these rights in the namespace.
    async fn user(&self, name: &str, rules: Value) -> Cluster {
        self.apply(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules}));
        self.apply(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]}));
        connect(&Overrides {
            as_user: Some(name.to_owned()),
            ..Overrides::default()
        })
        .await
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = Command::new("kubectl")
            .args([
                "delete",
                "namespace",
                self.namespace.as_str(),
                "--wait=false",
            ])
            .output();
    }
}

fn kubectl(arguments: &[&str]) -> String {
    let output = Command::new("kubectl").args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "kubectl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

async fn connect(overrides: &Overrides) -> Cluster {
    let world = World::real();
    let connection = resolve(overrides, &world).unwrap();
    Cluster::connect(connection, AGENT, &world).await.unwrap()
}

fn secret(name: &str, value: &str) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.name = Some(name.to_owned());
    secret.metadata.labels = Some(BTreeMap::from([("stage".to_owned(), "core".to_owned())]));
    secret.data = Some(BTreeMap::from([(
        "key".to_owned(),
        ByteString(value.as_bytes().to_vec()),
    )]));
    secret
}

#[tokio::test]
async fn objects() {
    let Some(stage) = Stage::new("objects") else {
        return;
    };
    let cluster = stage.admin().await;
    let namespace = &stage.namespace;

    assert!(
        cluster
            .get::<Secret>(namespace, "x")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        cluster
            .list_metadata::<Secret>(namespace, "stage=core")
            .await
            .unwrap()
            .is_empty()
    );
    cluster
        .create(namespace, &secret("x", "0"), WriteMode::ServerDryRun)
        .await
        .unwrap();
    assert!(
        cluster
            .get::<Secret>(namespace, "x")
            .await
            .unwrap()
            .is_none(),
        "a dry run stores nothing"
    );

    assert!(matches!(
        cluster
            .create(namespace, &secret("x", "1"), WriteMode::Commit)
            .await
            .unwrap(),
        Creation::Created(_)
    ));
    assert_eq!(
        cluster
            .create(namespace, &secret("x", "2"), WriteMode::Commit)
            .await
            .unwrap(),
        Creation::AlreadyExists
    );
    let applied = cluster
        .apply(namespace, &secret("y", "1"), WriteMode::Commit)
        .await
        .unwrap();
    let applied_again = cluster
        .apply(namespace, &secret("y", "1"), WriteMode::Commit)
        .await
        .unwrap();
    assert_eq!(
        applied.metadata.resource_version, applied_again.metadata.resource_version,
        "nothing changed"
    );

    let all = cluster
        .list::<Secret>(namespace, "stage=core")
        .await
        .unwrap();
    assert_eq!(all.len(), 2);
    let metadata = cluster
        .list_metadata::<Secret>(namespace, "stage=core")
        .await
        .unwrap();
    assert_eq!(metadata.len(), 2);
    assert!(
        cluster
            .list::<Secret>(namespace, "stage=other")
            .await
            .unwrap()
            .is_empty()
    );

    // Another owner takes the field, and keeps it.
    let other = serde_json::to_string(&secret("y", "theirs")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), other).unwrap();
    let path = file.path().to_str().unwrap();
    kubectl(&[
        "apply",
        "-n",
        namespace.as_str(),
        "--server-side",
        "--force-conflicts",
        "--field-manager=helm",
        "-f",
        path,
    ]);
    let error = cluster
        .apply(namespace, &secret("y", "mine"), WriteMode::Commit)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Conflict { managers, .. } if managers == &["helm"]),
        "{error:?}"
    );
    assert_eq!(Failure::from(error).kind(), Kind::Conflict);

    let stale = all
        .into_iter()
        .find(|secret| secret.metadata.name.as_deref() == Some("y"))
        .unwrap();
    assert!(matches!(
        cluster.replace(namespace, &stale, WriteMode::Commit).await,
        Err(Error::Conflict { .. })
    ));
    let mut fresh = cluster
        .get::<Secret>(namespace, "y")
        .await
        .unwrap()
        .unwrap();
    fresh.data = None;
    assert_eq!(
        cluster
            .replace(namespace, &fresh, WriteMode::Commit)
            .await
            .unwrap()
            .data,
        None
    );

    let uid = fresh.metadata.uid.unwrap();
    assert!(matches!(
        cluster
            .delete::<Secret>(namespace, "x", Some(&uid), WriteMode::Commit)
            .await,
        Err(Error::Conflict { .. })
    ));
    assert!(
        cluster
            .delete::<Secret>(namespace, "y", Some(&uid), WriteMode::ServerDryRun)
            .await
            .unwrap()
    );
    assert!(
        cluster
            .delete::<Secret>(namespace, "y", Some(&uid), WriteMode::Commit)
            .await
            .unwrap()
    );
    assert!(
        !cluster
            .delete::<Secret>(namespace, "y", None, WriteMode::Commit)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_list_of_many_pages() {
    let Some(stage) = Stage::new("pages") else {
        return;
    };
    let items: Vec<_> = (0..1001)
        .map(|number| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c-{number}"), "labels": {"many": "true"}}}))
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string(),
    )
    .unwrap();
    kubectl(&[
        "create",
        "-n",
        stage.namespace.as_str(),
        "-f",
        file.path().to_str().unwrap(),
    ]);
    type ConfigMap = datalab_core::cluster::api::api::core::v1::ConfigMap;
    let cluster = stage.admin().await;
    assert_eq!(
        cluster
            .list::<ConfigMap>(&stage.namespace, "many=true")
            .await
            .unwrap()
            .len(),
        1001
    );
    assert_eq!(
        cluster
            .list_metadata::<ConfigMap>(&stage.namespace, "many=true")
            .await
            .unwrap()
            .len(),
        1001
    );
}

#[tokio::test]
async fn rights() {
    let Some(stage) = Stage::new("rights") else {
        return;
    };
    let namespace = &stage.namespace;
    let user = stage
        .user("ada", json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["x"]},
            {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create", "get"]}]))
        .await;
    assert_eq!(user.who_am_i().await.unwrap().user, "ada");
    assert!(user.get::<Secret>(namespace, "x").await.unwrap().is_none());

    let error = user.get::<Secret>(namespace, "y").await.unwrap_err();
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
    let text = Failure::from(error).to_string();
    assert_eq!(
        text,
        format!(
            "error: not allowed to get secrets \"y\" in namespace {namespace}: User \"ada\" cannot get resource \"secrets\" in API group \"\" in the namespace \"{namespace}\"\ntry: kubectl auth can-i get secrets/y -n {namespace}"
        )
    );

    let allowed = [
        Access::new("get", "", "secrets").on("x"),
        Access::new("create", "", "pods/portforward").on("p"),
    ];
    let refused = [
        Access::new("get", "", "secrets"),
        Access::new("create", "rbac.authorization.k8s.io", "roles"),
        Access::new("create", "", "pods/exec").on("p"),
    ];
    let wanted: Vec<_> = allowed.iter().chain(&refused).cloned().collect();
    assert_eq!(user.permitted(namespace, &wanted).await.unwrap(), refused);

    let admin = stage.admin().await;
    assert!(
        admin
            .permitted(namespace, &wanted)
            .await
            .unwrap()
            .is_empty()
    );
    let ada = Identity {
        user: "ada".to_owned(),
        groups: Vec::new(),
    };
    assert!(
        admin
            .review(namespace, &ada, &allowed[0])
            .await
            .unwrap()
            .allowed
    );
    assert!(
        !admin
            .review(namespace, &ada, &refused[0])
            .await
            .unwrap()
            .allowed
    );
    assert!(matches!(
        user.review(namespace, &ada, &allowed[0]).await,
        Err(Error::Forbidden { .. })
    ));
}

#[tokio::test]
async fn policies() {
    let Some(stage) = Stage::new("policies") else {
        return;
    };
    let cluster = stage.admin().await;
    kubectl(&[
        "create",
        "quota",
        "-n",
        stage.namespace.as_str(),
        "none",
        "--hard=secrets=0",
    ]);
    kubectl(&[
        "label",
        "namespace",
        stage.namespace.as_str(),
        "pod-security.kubernetes.io/enforce=restricted",
    ]);
    let until = Instant::now() + Duration::from_secs(20);
    let error = loop {
        match cluster
            .create(&stage.namespace, &secret("x", "1"), WriteMode::ServerDryRun)
            .await
        {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < until, "the quota never counted"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(
        matches!(&error, Error::Denied { message, .. } if message.contains("exceeded quota")),
        "{error:?}"
    );
    assert_eq!(Failure::from(error).kind(), Kind::Refused);

    let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c", "image": "c", "securityContext": {"privileged": true}}]}})).unwrap();
    let error = cluster
        .create(&stage.namespace, &pod, WriteMode::ServerDryRun)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Denied { message, .. } if message.contains("violates PodSecurity")),
        "{error:?}"
    );

    let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "x"}, "spec": {"containers": [{"name": "Bad Name", "image": "c"}]}})).unwrap();
    let error = cluster
        .create(&stage.namespace, &pod, WriteMode::ServerDryRun)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Invalid { message, .. } if message.contains("spec.containers[0].name")),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_server_knows_us() {
    let Some(_stage) = Stage::new("known") else {
        return;
    };
    let cluster = connect(&Overrides::default()).await;
    let before = jiff::Timestamp::now();
    let off = cluster.server_time().await.unwrap().as_second() - before.as_second();
    assert!(off.abs() <= 2, "{off} s");
    let version: Value = serde_json::from_str(&kubectl(&["version", "-o", "json"])).unwrap();
    let (major, minor) = cluster.server_version().await.unwrap();
    assert_eq!(
        (major.to_string(), minor.to_string()),
        (
            version["serverVersion"]["major"]
                .as_str()
                .unwrap()
                .to_owned(),
            version["serverVersion"]["minor"]
                .as_str()
                .unwrap()
                .to_owned()
        )
    );

    let state = std::env::var("DATALAB_LAB").unwrap();
    let audit = Path::new(&state).parent().unwrap().join("log/audit.jsonl");
    let until = Instant::now() + Duration::from_secs(10);
    while !std::fs::read_to_string(&audit).unwrap().contains(AGENT) {
        assert!(
            Instant::now() < until,
            "the audit log does not show {AGENT}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn streams_to_pods() {
    let Some(stage) = Stage::new("streams") else {
        return;
    };
    let namespace = &stage.namespace;
    stage.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "echo"}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [
        {"name": "echo", "image": "docker.io/lab/debian:1", "imagePullPolicy": "Never", "command": ["socat", "TCP-LISTEN:7,fork,reuseaddr", "EXEC:cat"]}]}}));
    kubectl(&[
        "wait",
        "-n",
        namespace.as_str(),
        "--for=condition=Ready",
        "pod/echo",
        "--timeout=60s",
    ]);
    let cluster = stage
        .user("bob", json!([{"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create", "get"]}]))
        .await;

    let mut stream = cluster.port_forward(namespace, "echo", 7).await.unwrap();
    for size in [4, 100_000, 1] {
        let sent: Vec<u8> = (0..size).map(|number: u32| (number % 251) as u8).collect();
        let mut received = vec![0; sent.len()];
        let (mut reader, mut writer) = tokio::io::split(&mut stream);
        let (written, read) = tokio::join!(
            async {
                writer.write_all(&sent).await?;
                writer.flush().await
            },
            reader.read_exact(&mut received)
        );
        written.unwrap();
        read.unwrap();
        assert!(received == sent, "{size} bytes came back changed");
    }
    stream.shutdown().await.unwrap();

    let mut closed = cluster.port_forward(namespace, "echo", 9).await.unwrap();
    let error = tokio::time::timeout(Duration::from_secs(10), closed.read(&mut [0; 8]))
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        error.to_string().to_lowercase().contains("refused"),
        "{error}"
    );

    let missing = cluster
        .port_forward(namespace, "nobody", 7)
        .await
        .unwrap_err();
    assert!(matches!(missing, Error::NotFound { .. }), "{missing:?}");

    for verbs in [json!(["get"]), json!(["create"])] {
        let name = format!("half-{}", verbs[0].as_str().unwrap());
        let half = stage
            .user(
                &name,
                json!([{"apiGroups": [""], "resources": ["pods/portforward"], "verbs": verbs}]),
            )
            .await;
        let error = half.port_forward(namespace, "echo", 7).await.unwrap_err();
        assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
    }

    // The pod dies with the stream open.
    let mut stream = cluster.port_forward(namespace, "echo", 7).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream.flush().await.unwrap();
    stream.read_exact(&mut [0; 1]).await.unwrap();
    kubectl(&[
        "delete",
        "pod",
        "-n",
        namespace.as_str(),
        "echo",
        "--wait=false",
    ]);
    let end = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut [0; 8]))
        .await
        .unwrap();
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}
