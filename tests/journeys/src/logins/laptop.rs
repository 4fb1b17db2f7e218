use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use datalab_lab::consumers::Consumers;
use datalab_lab::headless::{Browser, Person};
use datalab_lab::keycloak::Keycloak;
use datalab_lab::tenant::{Output, Program, Stage};
use tempfile::TempDir;

/// A home with nothing in it, a browser, and who sits before it. Everything that programs keep for her
/// lies in the home and goes with it.
pub struct Laptop {
    stage: Stage,
    keycloak: Keycloak,
    realm: String,
    user: String,
    home: TempDir,
    has_browser: bool,
    programs: Option<PathBuf>,
}

impl Laptop {
    /// Of a user of this realm, whose password is her name.
    #[must_use]
    #[track_caller]
    pub fn of(stage: &Stage, keycloak: &Keycloak, realm: &str, user: &str) -> Self {
        let home = tempfile::Builder::new().prefix("datalab-laptop-").tempdir();
        let home = home.expect("because the folder for temporary files can be written");
        let run = home.path().join("run");
        let made = fs::create_dir(&run)
            .and_then(|()| fs::set_permissions(&run, fs::Permissions::from_mode(0o700)));
        made.expect("because the home is ours");
        // A name without arguments: what is in BROWSER is split at blanks, and its file need not be.
        let browser = home.path().join("browser");
        let script = format!("#!/bin/sh\nexec '{}' browser \"$1\"\n", xtask().display());
        let written = fs::write(&browser, script)
            .and_then(|()| fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)));
        written.expect("because the home is ours");
        Self {
            stage: stage.clone(),
            keycloak: keycloak.clone(),
            realm: realm.to_owned(),
            user: user.to_owned(),
            home,
            has_browser: true,
            programs: None,
        }
    }

    /// A machine that nobody sits at: no display, no browser.
    #[must_use]
    pub fn headless(mut self) -> Self {
        self.has_browser = false;
        self
    }

    /// With clients of S3 by others, beside those that every machine has.
    #[must_use]
    #[track_caller]
    pub fn with_consumers(mut self, consumers: &Consumers) -> Self {
        consumers.settle(self.home());
        self.programs = Some(consumers.bin());
        self
    }

    /// Her home.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where kubectl looks without being told.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.home().join(".kube/config")
    }

    /// The issuer of her realm.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.keycloak.issuer(&self.realm)
    }

    /// Sets kubectl up for the lab's API server with one client of the realm, in a namespace; more words
    /// as `setup` takes them.
    #[track_caller]
    pub fn set_up(&self, client: &str, namespace: &str, words: &[&str]) -> Output {
        let lab = self.stage.lab().expect("because only a lab has a Keycloak");
        let authority = self.keycloak.certificate_authority();
        let authority = authority.to_string_lossy();
        let (issuer, server) = (self.issuer(), lab.server());
        let mut line = vec![
            "setup",
            "--issuer",
            &issuer,
            "--client-id",
            client,
            "--issuer-ca",
            &authority,
            "--server",
            &server,
            "--server-ca",
            &authority,
            "--namespace",
            namespace,
        ];
        line.extend(words);
        self.tool(&line)
    }

    /// `kubectl datalab oidc-login …`.
    #[track_caller]
    pub fn tool(&self, words: &[&str]) -> Output {
        let line = ["kubectl", "datalab", "oidc-login"];
        self.program(line.iter().chain(words)).run()
    }

    /// `kubectl …`.
    #[track_caller]
    pub fn kubectl(&self, words: &[&str]) -> Output {
        self.program(["kubectl"].iter().chain(words)).run()
    }

    /// Any program at this machine.
    #[track_caller]
    pub fn program<S: AsRef<OsStr>>(&self, line: impl IntoIterator<Item = S>) -> Program {
        let program = self
            .stage
            .program(line, self.home())
            .env("XDG_RUNTIME_DIR", self.home().join("run"));
        let program = match &self.programs {
            Some(folder) => program.also_in(folder),
            None => program,
        };
        if !self.has_browser {
            return program;
        }
        program
            .env("BROWSER", self.home().join("browser"))
            .env("DATALAB_BROWSER_USER", &self.user)
            .env("DATALAB_BROWSER_PASSWORD", &self.user)
            .env("DATALAB_BROWSER_CA", self.keycloak.certificate_authority())
            .env("DATALAB_BROWSER_JAR", self.home().join("browser.cookies"))
            .env("DATALAB_BROWSER_LOG", self.home().join("browser.log"))
    }

    /// Somebody else sits down: his own browser, the same home and kubeconfig.
    #[track_caller]
    pub fn sit_down(&mut self, user: &str) {
        user.clone_into(&mut self.user);
        let _ = fs::remove_file(self.home().join("browser.cookies"));
    }

    /// How often a password was typed at this machine.
    #[must_use]
    pub fn typed(&self) -> usize {
        let log = fs::read_to_string(self.home().join("browser.log"));
        log.unwrap_or_default().lines().count()
    }

    /// Her telephone, for pages that another device has to open; on it she `denies` what is asked for, or
    /// says yes.
    #[must_use]
    #[track_caller]
    pub fn telephone(&self, denies: bool) -> Browser {
        let person = Person {
            user: self.user.clone(),
            password: self.user.clone(),
            denies,
        };
        let browser = Browser::new(person, self.keycloak.certificate_authority());
        browser.expect("because the lab's authority can be read")
    }
}

/// The program that plays the browser: `DATALAB_XTASK`, else this build's.
fn xtask() -> PathBuf {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/xtask");
    env::var_os("DATALAB_XTASK").map_or_else(built, PathBuf::from)
}
