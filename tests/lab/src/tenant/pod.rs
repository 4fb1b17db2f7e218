//! Pods to act from.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::command::{Output, Program};
use super::database::Login;
use super::manifest;
use super::play::Cast;
use super::session::Session;

/// A namespace's service account appears a moment after the namespace.
const SERVICE_ACCOUNT: Duration = Duration::from_secs(20);

/// Network policies and Services take up to 3 s to bite; a busy machine makes it more.
const NETWORK: Duration = Duration::from_secs(30);

/// Reads the password from the first line of stdin, so that it stands in no argument list and in no
/// request of kubectl's; psql gets the rest.
const PSQL: &str = "IFS= read -r PGPASSWORD && export PGPASSWORD && exec psql --no-psqlrc --no-align --tuples-only --quiet \"$@\"";

/// A pod that runs until it is told to do something.
pub struct Pod {
    cast: Arc<Cast>,
    namespace: String,
    name: String,
    address: String,
}

impl Pod {
    #[track_caller]
    pub(super) fn start(cast: &Arc<Cast>, namespace: &str, name: String) -> Self {
        let stage = &cast.stage;
        let object = manifest::object(
            include_str!("../../manifests/pod.yaml"),
            &[
                ("name", &name),
                ("namespace", namespace),
                ("image", stage.image()),
            ],
        );
        let started = Instant::now();
        loop {
            let created = stage
                .kubectl(["create", "-f", "-"])
                .input(object.to_string())
                .run();
            if created.succeeded() {
                break;
            }
            let soon = created
                .stderr()
                .contains("serviceaccount \"default\" not found");
            if !soon || started.elapsed() > SERVICE_ACCOUNT {
                created.ok();
            }
            thread::sleep(Duration::from_millis(50));
        }
        let pod = format!("pod/{name}");
        let ready = stage
            .kubectl([
                "wait",
                "--namespace",
                namespace,
                "--for=condition=Ready",
                "--timeout=90s",
                &pod,
            ])
            .run();
        if !ready.succeeded() {
            let why = stage
                .kubectl(["describe", "--namespace", namespace, &pod])
                .run();
            assert!(ready.succeeded(), "{ready}\n{why}");
        }
        let address = stage
            .kubectl([
                "get",
                "--namespace",
                namespace,
                &pod,
                "--output=jsonpath={.status.podIP}",
            ])
            .run()
            .ok();
        Self {
            cast: Arc::clone(cast),
            namespace: namespace.to_owned(),
            name,
            address,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its IP address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Runs a program in it.
    #[track_caller]
    pub fn exec<S: AsRef<OsStr>>(&self, line: impl IntoIterator<Item = S>) -> Output {
        self.program(line).run()
    }

    /// A program in it, to be given an input first. (Variables set on it are kubectl's, not the pod's.)
    pub fn program<S: AsRef<OsStr>>(&self, line: impl IntoIterator<Item = S>) -> Program {
        let mut args: Vec<OsString> = [
            "exec",
            "--stdin",
            "--namespace",
            &self.namespace,
            &self.name,
            "--",
        ]
        .map(OsString::from)
        .to_vec();
        args.extend(line.into_iter().map(|word| word.as_ref().to_owned()));
        self.cast.stage.kubectl(args)
    }

    /// Puts a program of this machine into the pod's PATH.
    #[track_caller]
    pub fn install(&self, program: &Path) {
        let name = program
            .file_name()
            .expect("because a program has a file name");
        let bytes = std::fs::read(program).expect("because the program to install was built");
        let script = "mkdir -p bin && cat >\"bin/$1\" && chmod 0755 \"bin/$1\"";
        let line: [&OsStr; 5] = [
            "sh".as_ref(),
            "-ec".as_ref(),
            script.as_ref(),
            "sh".as_ref(),
            name,
        ];
        self.program(line).input(bytes).run().ok();
    }

    /// Logs in from here and runs SQL until the first error; rows come without headings, `|` between
    /// columns.
    #[track_caller]
    pub fn psql(&self, login: &Login, sql: &str) -> Output {
        self.client(login, &["--set=ON_ERROR_STOP=1"])
            .input(format!("{}\n{sql}\n", login.password))
            .run()
    }

    /// Logs in from here and stays.
    #[must_use]
    #[track_caller]
    pub fn session(&self, login: &Login) -> Session {
        Session::new(self.client(login, &[]).spawn(), &login.password)
    }

    /// Whether a PostgreSQL server answers there, without logging in.
    #[must_use]
    #[track_caller]
    pub fn reaches(&self, host: &str) -> bool {
        self.exec([
            "pg_isready",
            "--quiet",
            "--timeout=2",
            "--port=5432",
            "--host",
            host,
        ])
        .succeeded()
    }

    /// Waits until a server answers there, as Services and policies take a moment.
    #[track_caller]
    pub fn until_reachable(&self, host: &str) {
        assert!(
            self.until(host, true),
            "{}: {host} does not answer after {NETWORK:?}",
            self.name
        );
    }

    /// Waits until the server there is shut off from here: to be called before "refused" is asserted.
    #[track_caller]
    pub fn until_unreachable(&self, host: &str) {
        assert!(
            self.until(host, false),
            "{}: {host} still answers after {NETWORK:?}; are network policies enforced here?",
            self.name
        );
    }

    #[track_caller]
    fn until(&self, host: &str, wanted: bool) -> bool {
        let started = Instant::now();
        while self.reaches(host) != wanted {
            if started.elapsed() > NETWORK {
                return false;
            }
            thread::sleep(Duration::from_millis(200));
        }
        true
    }

    fn client(&self, login: &Login, options: &[&str]) -> Program {
        let mut line = vec![
            "env".to_owned(),
            format!("PGHOST={}", login.host),
            format!("PGPORT={}", login.port),
            format!("PGDATABASE={}", login.database),
            format!("PGUSER={}", login.user),
            "PGCONNECT_TIMEOUT=5".to_owned(),
        ];
        line.extend(["sh", "-c", PSQL, "sh"].map(str::to_owned));
        line.extend(options.iter().map(|option| (*option).to_owned()));
        self.program(line)
    }
}
