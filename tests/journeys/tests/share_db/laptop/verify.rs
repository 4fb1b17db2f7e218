//! How the server is known, where it has a certificate.

use data_encoding::BASE64;
use datalab_lab::tenant::{Release, Stage};

use super::{ORDERS, SUMMED, Scene};
use crate::transcript::Transcript;

/// Asks libpq how it is connected: mode, name, address; then the server.
const ASKED: &str = "echo $PGSSLMODE $PGHOST $PGHOSTADDR; stat -c %a $PGSSLROOTCERT; psql -XAtqc 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'";

impl Scene {
    /// Replaces a value in the share's Secret.
    #[track_caller]
    fn set(&self, key: &str, value: &[u8]) {
        let patch = format!(r#"{{"data":{{"{key}":"{}"}}}}"#, BASE64.encode(value));
        let secret = self.secret();
        let patch = ["patch", "secret", secret.name(), "--patch", &patch];
        self.me.kubectl(patch).ok();
    }

    /// A value of the share's Secret.
    #[track_caller]
    fn get(&self, key: &str) -> Vec<u8> {
        let key = key.replace('.', "\\.");
        let secret = self.secret();
        let path = format!("--output=jsonpath={{.data.{key}}}");
        let value = self
            .me
            .kubectl(["get", "secret", secret.name(), &path])
            .ok();
        let value = BASE64.decode(value.as_bytes());
        value.expect("because Kubernetes writes bytes as base64")
    }
}

#[test]
fn the_server_is_known_by_its_authority_and_its_name() {
    let Some(stage) = Stage::required("the server is known by its authority") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239").tls());
    let transcript = Transcript::of(&scene.play, "share_db");
    let notebook = scene.x.pod("notebook");
    let (share, host) = (
        &scene.share,
        String::from_utf8_lossy(&scene.get("host")).into_owned(),
    );

    let known = scene.connect(&["--", "sh", "-c", ASKED]).ok();
    assert_eq!(known, format!("verify-full {host} 127.0.0.1\n600\nt\n"));
    let told = scene.connect(&["--", "psql", "-c", "\\conninfo"]).ok();
    assert!(told.contains("SSL connection"), "{told}");

    // Without a place to keep the certificate, nothing is verified and nothing is run.
    let homeless = ["env", "-u", "HOME", "kubectl", "datalab", "share-db"];
    let homeless = [&homeless, &["connect", share, "--", "true"][..]].concat();
    transcript.keep("laptop-verify-homeless", &scene.x.run(homeless));
    let elsewhere = scene.connecting(&["--", "psql", "-XAtqc", ORDERS]);
    let elsewhere = elsewhere.env("XDG_CACHE_HOME", "/proc/nowhere").run();
    transcript.keep("laptop-verify-unwritable", &elsewhere);

    // In the pod there is no port between, and no other rule.
    notebook.install(&scene.tool);
    let inside = format!("kubectl-datalab-share_db connect {share} -- sh -c \"$0\"");
    let inside = notebook.exec(["sh", "-c", &inside, ASKED]).ok();
    assert_eq!(inside, format!("verify-full {host}\n600\nt\n"));

    // A certificate for other names: the same server by a name that is not among them, and that the
    // grant did not choose for that reason.
    let other = host.replacen(".svc.cluster.local", ".svc", 1);
    assert_ne!(other, host);
    scene.set("host", other.as_bytes());
    let started = scene.x.home().join("started");
    let start = ["--", "touch", started.to_str().unwrap_or_default()];
    transcript.keep("laptop-verify-name", &scene.connect(&start));
    let asked = ["--sslmode", "verify-ca", "--", "psql", "-XAtqc", ORDERS];
    assert_eq!(scene.connect(&asked).ok(), SUMMED);
    scene.set("host", host.as_bytes());

    // Another authority than the share's.
    let authority = scene.get("ca.crt");
    let strangers = [
        "get",
        "configmap",
        "kube-root-ca.crt",
        "-o",
        "jsonpath={.data.ca\\.crt}",
    ];
    scene.set("ca.crt", scene.me.kubectl(strangers).ok().as_bytes());
    for mode in ["verify-full", "verify-ca"] {
        let refused = scene.connect(&[&["--sslmode", mode], &start[..]].concat());
        transcript.keep(&format!("laptop-verify-authority-{mode}"), &refused);
    }
    scene.set("ca.crt", b"no certificate");
    transcript.keep("laptop-verify-no-certificate", &scene.connect(&start));
    assert!(!started.exists(), "a command was started");
    let trusting = ["--sslmode", "require", "--", "psql", "-XAtqc", ORDERS];
    assert_eq!(scene.connect(&trusting).ok(), SUMMED);

    // The share's own again.
    scene.set("ca.crt", &authority);
    scene.connect(&start).ok();
    assert!(started.exists(), "the command was not started");
}
