//! A home directory, a platform, and the program.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use datalab_lab::identity_provider::{
    Fault, IdentityProvider, Options, Reply, What, default_client,
};
use serde_json::{Value, json};

/// Where an Onyxia tells its configuration.
const PAGE: &str = "/api/public/configuration";

pub(crate) struct Stage {
    pub(crate) home: tempfile::TempDir,
    pub(crate) provider: IdentityProvider,
}

/// What a run left behind.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::of(Options::default())
    }

    pub(crate) fn of(options: Options) -> Self {
        let stage = Self {
            home: tempfile::tempdir().unwrap(),
            provider: IdentityProvider::start(options).unwrap(),
        };
        // The folder in which the tests' own program lies has a name that differs.
        fs::create_dir(stage.path("bin")).unwrap();
        std::os::unix::fs::symlink(
            env!("CARGO_BIN_EXE_kubectl-datalab-oidc_login"),
            stage.program(),
        )
        .unwrap();
        stage
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.path("bin/kubectl-datalab-oidc_login")
    }

    /// The platform's and the API server's address.
    pub(crate) fn origin(&self) -> String {
        format!("https://127.0.0.1:{}", self.provider.port())
    }

    pub(crate) fn ca(&self) -> String {
        self.provider.authority().display().to_string()
    }

    /// The provider serves this as the platform's configuration too.
    pub(crate) fn platform(&self, answer: Reply) {
        let here = What::Answer(answer);
        self.provider
            .arm([Fault::when(here, |seen| seen.path.starts_with(PAGE))]);
    }

    /// A platform with one region, whose storage and vault have clients of their own.
    pub(crate) fn usual_platform(&self) {
        let issuer = self.provider.issuer();
        self.platform(Reply::json(
            200,
            &json!({
                "regions": [{
                    "id": "paris",
                    "services": {"k8sPublicEndpoint": {
                        "URL": self.origin(),
                        "oidcConfiguration": {"issuerURI": issuer, "clientID": "kubernetes", "scope": "openid profile"},
                    }},
                    "data": {"S3": {"URL": "https://s3.invalid", "sts": {
                        "oidcConfiguration": {"clientID": "onyxia-minio"},
                        "role": {"profileName": "default", "roleARN": "", "roleSessionName": ""},
                    }}},
                    "vault": {"URL": "https://vault.invalid", "oidcConfiguration": {"clientID": "kubernetes", "scope": "openid vault"}},
                }],
                "oidcConfiguration": {"issuerURI": issuer, "clientID": "onyxia"},
            }),
        ));
        self.provider.set(|settings| {
            settings
                .clients
                .insert("onyxia-minio".to_owned(), default_client());
        });
    }

    /// The provider answers as an API server that is asked who somebody is.
    pub(crate) fn server_says(&self, answer: Reply) {
        let here = What::Answer(answer);
        self.provider.arm([Fault::when(here, |seen| {
            seen.path == "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        })]);
    }

    /// A kubeconfig, and a session of alice's.
    #[track_caller]
    pub(crate) fn log_in(&self) {
        let run = self.named(&["--name", "lab"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let pages = self.path("pages");
        let browser = self.path("bin/browser");
        fs::write(
            &browser,
            "#!/bin/sh\nprintf '%s\\n' \"$1\" >>\"$HOME/pages\"\n",
        )
        .unwrap();
        fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
        let child = Command::new(self.program())
            .args(["login", "--flow", "browser", "--login-timeout", "60s"])
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("BROWSER", &browser)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut page = None;
        self.provider
            .until("the browser is opened", Duration::from_secs(30), || {
                let text = fs::read_to_string(&pages).unwrap_or_default();
                page = text.strip_suffix('\n').map(str::to_owned);
                page.is_some()
            });
        self.provider.browser().open(&page.unwrap()).unwrap();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
    }

    /// Runs `setup` with these words.
    pub(crate) fn setup(&self, words: &[&str]) -> Run {
        self.run(&[&["setup"], words].concat())
    }

    pub(crate) fn run(&self, words: &[&str]) -> Run {
        self.run_with(words, &[])
    }

    /// The same, with these variables.
    pub(crate) fn run_with(&self, words: &[&str], variables: &[(&str, &str)]) -> Run {
        let output = Command::new(self.program())
            .args(words)
            .env_clear()
            .env("HOME", self.home.path())
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        Run {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The words that name issuer, client and server.
    pub(crate) fn words(&self, more: &[&str]) -> Vec<String> {
        let (issuer, origin, ca) = (self.provider.issuer(), self.origin(), self.ca());
        let mut words: Vec<String> = [
            "--issuer",
            &issuer,
            "--client-id",
            "kubernetes",
            "--server",
            &origin,
            "--issuer-ca",
            &ca,
            "--server-ca",
            &ca,
        ]
        .map(str::to_owned)
        .to_vec();
        words.extend(more.iter().map(|word| (*word).to_owned()));
        words
    }

    /// Runs `setup` with everything named.
    pub(crate) fn named(&self, more: &[&str]) -> Run {
        let words = self.words(more);
        self.setup(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub(crate) fn kubeconfig(&self) -> Option<String> {
        fs::read_to_string(self.path(".kube/config")).ok()
    }

    pub(crate) fn write_kubeconfig(&self, text: &str) {
        fs::create_dir_all(self.path(".kube")).unwrap();
        fs::write(self.path(".kube/config"), text).unwrap();
    }

    pub(crate) fn known_issuers(&self) -> Option<Value> {
        let file = self.path(".config/kubectl-datalab/issuers.json");
        let text = fs::read_to_string(&file).ok()?;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        Some(serde_json::from_str(&text).unwrap())
    }

    /// Whether nothing at all was written.
    #[track_caller]
    pub(crate) fn is_untouched(&self) {
        assert_eq!(self.kubeconfig(), None);
        assert_eq!(self.known_issuers(), None);
        assert!(!self.path(".kube").exists(), "a folder was made");
    }

    /// The text without what differs from run to run.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let authority = fs::read(self.provider.authority()).unwrap();
        let ca = self.ca();
        text.replace(&data_encoding::BASE64.encode(&authority), "BASE64")
            .replace(String::from_utf8(authority).unwrap().trim_end(), "PEM")
            .replace(&ca, "CA-FILE")
            .replace(self.home.path().to_str().unwrap(), "~")
            .replace(&self.provider.port().to_string(), "PORT")
            .split('\n')
            .map(without_times)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Keeps a run as a snapshot: the exit code and both streams.
    #[track_caller]
    pub(crate) fn keep(&self, name: &str, run: &Run) {
        let text = format!(
            "exit code {}\n--- stdout\n{}--- stderr\n{}",
            run.code, run.stdout, run.stderr
        );
        keep(name, &self.redacted(&text));
    }
}

/// Times as `2026-11-21T16:00:00Z`, and the ids of keys.
fn without_times(line: &str) -> String {
    let is_time = |word: &str| {
        let word = word.trim_matches(['"', ',']);
        word.len() >= 20 && word.as_bytes()[4] == b'-' && word.contains('T') && word.ends_with('Z')
    };
    let mut words: Vec<_> = line
        .split(' ')
        .map(|word| if is_time(word) { "TIME" } else { word })
        .collect();
    if let Some(place) = words.windows(2).position(|pair| pair == ["signed", "with"])
        && let Some(id) = words.get_mut(place + 2)
    {
        *id = "KEY";
    }
    words.join(" ")
}

#[track_caller]
pub(crate) fn keep(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.to_owned(), text));
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// kubectl with this home; `None`, said aloud, where there is none.
pub(crate) fn kubectl(test: &str, stage: &Stage, words: &[&str]) -> Option<Run> {
    let Ok(output) = Command::new("kubectl")
        .args(words)
        .env("HOME", stage.home.path())
        .env_remove("KUBECONFIG")
        .output()
    else {
        datalab_lab::skip(test, "kubectl");
        return None;
    };
    Some(Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    })
}
