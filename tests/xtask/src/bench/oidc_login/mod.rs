//! oidc-login beside int128/kubelogin, on the same realm, and /bin/true.

mod counted;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use datalab_lab::Lab;
use datalab_lab::keycloak::Keycloak;
use serde_json::json;

use super::{
    Failure,
    calls::{at_most, at_most_more, at_once, call, faster},
    measure::interleaved,
    output,
    table::Row,
};
use crate::browser;
use crate::cargo::{OIDC_LOGIN, release};

/// What the file of the table says above it.
pub(super) const HEADING: &str = "# oidc-login, measured\n\nMedians of interleaved runs on one machine, by `cargo xtask bench oidc-login`; only ratios within one run\nmean anything. The peers: int128/kubelogin with the same Keycloak, called directly and as its documentation\nhas it (through kubectl), a helper that prints a constant reply, and `/bin/true`. Requests and logins are\ncounted by an identity provider of the tests.";

/// Warm calls take less than a millisecond: many make a steady median.
const CALLS: usize = 600;

/// A kubectl call takes some 50 ms.
const KUBECTL_CALLS: usize = 60;

/// Many at once, in turns.
const CROWDS: usize = 15;
const CROWD: usize = 64;

const REALM: &str = "datalab";
const USER: &str = "alice";
/// A client of the realm that gives tokens for a password, so that kubelogin needs no browser.
const PEERS_CLIENT: &str = "direct";

/// Measures all there is.
pub(super) fn rows(lab: &Lab) -> Result<Vec<Row>, Failure> {
    let bench = Bench::new(lab)?;
    let size = fs::metadata(&bench.program)?.len();
    let mut rows = vec![bench.warm_beside_true()?];
    rows.extend(bench.warm_beside_kubelogin()?);
    rows.push(bench.crowd()?);
    rows.push(bench.kubectl()?);
    rows.extend(counted::rows(&bench.program)?);
    rows.push(bench.memory()?);
    let size = size as f64 / 1e6;
    rows.push(Row {
        what: "size of the binary",
        ours: format!("{size:.2} MB"),
        peer: "-".to_owned(),
        value: format!("{size:.2} MB"),
        target: "≤ 7 MB",
        met: size <= 7.0,
    });
    Ok(rows)
}

struct Bench {
    program: PathBuf,
    kubelogin: PathBuf,
    kubectl: PathBuf,
    server: String,
    authority: PathBuf,
    issuer: String,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(lab: &Lab) -> Result<Self, Failure> {
        let keycloak: Keycloak = lab.keycloak()?;
        let kubectl = lab.bin().join("kubectl");
        let view = [
            "config",
            "view",
            "--minify",
            "-o",
            "jsonpath={.clusters[0].cluster.server}",
        ];
        let server = output(
            Command::new(&kubectl)
                .args(view)
                .env("KUBECONFIG", lab.kubeconfig()),
        )?;
        let bench = Self {
            program: release(OIDC_LOGIN)?,
            kubelogin: lab.kubelogin()?,
            kubectl,
            server,
            authority: keycloak.certificate_authority().to_owned(),
            issuer: keycloak.issuer(REALM),
            folder: tempfile::tempdir()?,
        };
        // kubectl finds a plugin by this name, as krew installs it.
        std::os::unix::fs::symlink(
            &bench.kubelogin,
            bench.folder.path().join("kubectl-oidc_login"),
        )?;
        browser::script(bench.folder.path())?;
        bench.set_up()?;
        Ok(bench)
    }

    /// Both log in, so that their next calls are warm.
    fn set_up(&self) -> Result<(), Failure> {
        let mut setup = self.run(&self.program);
        setup.args([
            "setup",
            "--issuer",
            &self.issuer,
            "--client-id",
            "kubernetes",
        ]);
        setup.args(["--server", &self.server, "--yes"]);
        setup.arg("--issuer-ca").arg(&self.authority);
        setup.arg("--server-ca").arg(&self.authority);
        output(&mut setup)?;
        let mut login = self.run(&self.program);
        output(login.args(["login", "--flow", "browser"]))?;
        output(&mut self.ours())?;
        output(&mut self.theirs())?;
        let constant = output(&mut self.ours())?;
        let reply = self.folder.path().join("reply");
        fs::write(&reply, constant)?;
        Ok(())
    }

    /// A program in a home of its own.
    fn run(&self, program: &Path) -> Command {
        let folder = self.folder.path();
        let kubectl = self.kubectl.parent().unwrap_or(Path::new("/"));
        let path = format!("{}:{}:/usr/bin:/bin", folder.display(), kubectl.display());
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", folder)
            .env("KUBECONFIG", folder.join("kubeconfig"))
            .stdin(Stdio::null());
        browser::played_by(&mut command, USER, folder, &self.authority);
        command
    }

    /// As kubectl runs a credential plugin.
    fn plugin(&self, program: &Path) -> Command {
        // As kubectl tells it: the way to the server is part of what setup was a yes to.
        let authority = BASE64.encode(&fs::read(&self.authority).unwrap_or_default());
        let info = json!({
            "kind": "ExecCredential",
            "apiVersion": "client.authentication.k8s.io/v1",
            "spec": { "interactive": false, "cluster": { "server": self.server, "certificate-authority-data": authority } },
        });
        let mut command = self.run(program);
        // As client-go does not end it: a measurement that asks twice must not look like a 401.
        command.env("KUBERNETES_EXEC_INFO", info.to_string());
        command
    }

    fn ours(&self) -> Command {
        let mut command = self.plugin(&self.program);
        command.args([
            "get-token",
            "--issuer",
            &self.issuer,
            "--client-id",
            "kubernetes",
        ]);
        command.arg("--issuer-ca").arg(&self.authority);
        command
    }

    fn theirs(&self) -> Command {
        let mut command = self.plugin(&self.kubelogin);
        self.peers_arguments(&mut command);
        command
    }

    fn theirs_through_kubectl(&self) -> Command {
        let mut command = self.plugin(&self.kubectl);
        command.arg("oidc-login");
        self.peers_arguments(&mut command);
        command
    }

    fn peers_arguments(&self, command: &mut Command) {
        command.args([
            "get-token",
            "--grant-type=password",
            &format!("--username={USER}"),
            &format!("--password={USER}"),
            &format!("--oidc-issuer-url={}", self.issuer),
            &format!("--oidc-client-id={PEERS_CLIENT}"),
            &format!("--certificate-authority={}", self.authority.display()),
            &format!(
                "--token-cache-dir={}",
                self.folder.path().join("peer").display()
            ),
        ]);
    }

    fn warm_beside_true(&self) -> Result<Row, Failure> {
        let compared = interleaved(
            CALLS,
            || call(self.ours()),
            || call(Command::new("/bin/true")),
        )?;
        Ok(at_most(
            "warm `get-token`",
            compared,
            "/bin/true",
            1.5,
            "≤ 1.5 ×",
        ))
    }

    fn warm_beside_kubelogin(&self) -> Result<[Row; 2], Failure> {
        let directly = interleaved(CALLS, || call(self.ours()), || call(self.theirs()))?;
        let documented = interleaved(
            CALLS / 3,
            || call(self.ours()),
            || call(self.theirs_through_kubectl()),
        )?;
        Ok([
            faster(
                "warm, beside kubelogin",
                directly,
                "called directly",
                5.0,
                "≥ 5 × faster",
            ),
            faster(
                "warm, beside kubelogin as documented",
                documented,
                "through kubectl",
                40.0,
                "≥ 40 × faster",
            ),
        ])
    }

    fn crowd(&self) -> Result<Row, Failure> {
        let compared = interleaved(
            CROWDS,
            || at_once(CROWD, || self.ours()),
            || at_once(CROWD, || self.theirs()),
        )?;
        Ok(at_most(
            "64 warm calls at once",
            compared,
            "kubelogin",
            0.25,
            "≤ 0.25 ×",
        ))
    }

    /// kubectl with us, and with a helper that only prints.
    fn kubectl(&self) -> Result<Row, Failure> {
        let constant = self.folder.path().join("constant");
        let script = format!(
            "#!/bin/sh\nexec cat {}\n",
            self.folder.path().join("reply").display()
        );
        fs::write(&constant, script)?;
        make_executable(&constant)?;
        let config = self.folder.path().join("constant-kubeconfig");
        fs::copy(self.folder.path().join("kubeconfig"), &config)?;
        let user = output(self.run(&self.kubectl).args([
            "config",
            "view",
            "--minify",
            "-o",
            "jsonpath={.users[0].name}",
        ]))?;
        let mut set = self.run(&self.kubectl);
        set.args([
            "config",
            "set-credentials",
            &user,
            "--exec-api-version=client.authentication.k8s.io/v1",
        ]);
        set.arg(format!("--exec-command={}", constant.display()));
        set.arg("--exec-interactive-mode=Never");
        output(set.env("KUBECONFIG", &config))?;
        let whoami = |config: Option<&Path>| {
            let mut command = self.run(&self.kubectl);
            command.args(["auth", "whoami", "-o", "name"]);
            if let Some(config) = config {
                command.env("KUBECONFIG", config);
            }
            command
        };
        let compared = interleaved(
            KUBECTL_CALLS,
            || call(whoami(None)),
            || call(whoami(Some(&config))),
        )?;
        Ok(at_most_more(
            "kubectl with it",
            compared,
            "constant reply",
            2.0,
            "≤ 2 ms more",
        ))
    }

    /// The most memory that a warm call has at once, as GNU time sees it.
    fn memory(&self) -> Result<Row, Failure> {
        let ours = self.ours();
        let mut command = self.plugin(Path::new("/usr/bin/time"));
        command
            .args(["-f", "%M"])
            .arg(ours.get_program())
            .args(ours.get_args());
        let answer = command.output()?;
        let said = String::from_utf8_lossy(&answer.stderr).into_owned();
        let kilobytes: f64 = said
            .trim()
            .parse()
            .map_err(|_| format!("GNU time says {said:?}"))?;
        let megabytes = kilobytes * 1024.0 / 1e6;
        Ok(Row {
            what: "memory of a warm call",
            ours: format!("{megabytes:.1} MB"),
            peer: "-".to_owned(),
            value: format!("{megabytes:.1} MB"),
            target: "≤ 5 MB",
            met: megabytes <= 5.0,
        })
    }
}

fn make_executable(file: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(
        file,
        fs::Permissions::from_mode(0o755),
    )?)
}
