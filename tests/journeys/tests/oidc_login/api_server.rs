//! An API server of a story's own, on this machine's loopback: with an etcd, and nothing else of a
//! cluster.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use datalab_lab::tenant::{Output, Stage};

/// It is up in 3 s on an idle machine.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How often it is asked whether it is.
const LOOK: Duration = Duration::from_millis(200);

/// Who may do everything, by a token that only this test knows.
const ADMINISTRATOR: &str = "administrator-of-this-test";

/// It ends when it is dropped.
pub(crate) struct ApiServer {
    stage: Stage,
    folder: tempfile::TempDir,
    authority: PathBuf,
    url: String,
    parts: Vec<Child>,
}

impl ApiServer {
    /// With this AuthenticationConfiguration.
    #[track_caller]
    pub(crate) fn start(stage: &Stage, authentication: &str) -> Self {
        let lab = stage.lab().expect("because these stories need a lab");
        let folder = tempfile::Builder::new().prefix("datalab-server-").tempdir();
        let folder = folder.expect("because the folder for temporary files can be written");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("because the folder is ours");
            path.display().to_string()
        };
        let authentication = file("authentication.yaml", authentication);
        let administrator = format!("{ADMINISTRATOR},administrator,1,system:masters\n");
        let tokens = file("tokens.csv", &administrator);
        let [client, peer, secure] = ports();
        let programs = fs::canonicalize(lab.kubectl()).expect("because the lab has a kubectl");
        let programs = programs.parent().expect("because it lies in a folder");
        // The lab's certificate is for 127.0.0.1 too.
        let pki = lab.state_dir().join("pki");
        let of_pki = |name: &str| pki.join(name).display().to_string();
        let store = format!("http://127.0.0.1:{client}");
        let peers = format!("http://127.0.0.1:{peer}");
        let data = folder.path().join("etcd").display().to_string();
        let certificates = folder.path().join("certificates").display().to_string();
        let log = |name: &str| {
            let log = fs::File::create(folder.path().join(name));
            Stdio::from(log.expect("because the folder is ours"))
        };
        let start = |program: &str, arguments: &[(&str, &str)], more: &[&str]| {
            let mut command = Command::new(programs.join(program));
            for (flag, value) in arguments {
                command.arg(format!("--{flag}={value}"));
            }
            let child = command
                .args(more)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log(&format!("{program}.log")))
                .spawn();
            child.expect("because the lab runs the same program")
        };
        let etcd = start(
            "etcd",
            &[
                ("data-dir", &data),
                ("listen-client-urls", &store),
                ("advertise-client-urls", &store),
                ("listen-peer-urls", &peers),
                ("initial-advertise-peer-urls", &peers),
                ("initial-cluster", &format!("default={peers}")),
            ],
            &["--unsafe-no-fsync"],
        );
        let api_server = start(
            "kube-apiserver",
            &[
                ("etcd-servers", &store),
                ("secure-port", &secure.to_string()),
                ("bind-address", "127.0.0.1"),
                ("advertise-address", "127.0.0.1"),
                ("endpoint-reconciler-type", "none"),
                ("cert-dir", &certificates),
                ("tls-cert-file", &of_pki("kube-apiserver.crt")),
                ("tls-private-key-file", &of_pki("kube-apiserver.key")),
                ("service-account-issuer", "https://kubernetes.default.svc"),
                ("service-account-key-file", &of_pki("service-accounts.pub")),
                (
                    "service-account-signing-key-file",
                    &of_pki("service-accounts.key"),
                ),
                ("service-cluster-ip-range", "10.97.0.0/16"),
                ("authorization-mode", "RBAC"),
                ("token-auth-file", &tokens),
                ("authentication-config", &authentication),
            ],
            &[],
        );
        let mut server = Self {
            stage: stage.clone(),
            authority: lab.certificate_authority(),
            url: format!("https://127.0.0.1:{secure}"),
            parts: vec![api_server, etcd],
            folder,
        };
        server.until_ready();
        server
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// kubectl, as its administrator.
    #[track_caller]
    pub(crate) fn kubectl(&self, words: &[&str], input: &str) -> Output {
        let authority = self.authority.display().to_string();
        let line = [
            "kubectl",
            "--server",
            &self.url,
            "--certificate-authority",
            &authority,
            "--token",
            ADMINISTRATOR,
        ];
        self.stage
            .program([&line, words].concat(), self.folder.path())
            .input(input)
            .run()
    }

    #[track_caller]
    fn until_ready(&mut self) {
        let deadline = Instant::now() + READY_WITHIN;
        while !self.kubectl(&["get", "--raw", "/readyz"], "").succeeded() {
            let ended = self.parts[0].try_wait().expect("because it is ours");
            let log = self.log();
            assert!(ended.is_none(), "the API server ended: {log}");
            assert!(
                Instant::now() < deadline,
                "the API server is not ready: {log}"
            );
            std::thread::sleep(LOOK);
        }
    }

    /// The end of what it says.
    fn log(&self) -> String {
        let log = read(&self.folder.path().join("kube-apiserver.log"));
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        for part in &mut self.parts {
            // One that has ended already is what is wanted.
            let _ = part.kill();
            let _ = part.wait();
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Ports that nobody listens on at this moment.
fn ports() -> [u16; 3] {
    let listeners = [(); 3]
        .map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("because loopback has a free port"));
    listeners.map(|listener| {
        let address = listener.local_addr();
        address.expect("because it is bound").port()
    })
}
