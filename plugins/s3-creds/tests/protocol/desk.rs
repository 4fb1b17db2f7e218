//! A user's desk: a home of its own, a browser, an identity provider, a store, and the tool.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::identity_provider::{self, IdentityProvider};
use datalab_lab::object_storage::{Dialect, ObjectStorage, Options, Trust};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::call::{Call, Output};

/// The client that logs in.
pub(crate) const CLIENT: &str = "kubernetes";

/// The client that the store was configured with, and the scope that puts it into a token.
pub(crate) const STORE_CLIENT: &str = "minio";

/// Longer than anything takes that has to happen, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How often something is looked for.
const POLL: Duration = Duration::from_millis(10);

pub(crate) struct Desk {
    pub(crate) provider: IdentityProvider,
    pub(crate) storage: ObjectStorage,
    pub(crate) dialect: Dialect,
    folder: TempDir,
}

impl Desk {
    /// A desk whose user may have keys of a store of this dialect, and has had some before.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self::with(dialect, |_| {})
    }

    /// The same, with a store that is told something from the start.
    pub(crate) fn with(dialect: Dialect, change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("datalab-desk-")
            .tempdir()
            .unwrap();
        let provider = IdentityProvider::start(identity_provider::Options::default()).unwrap();
        provider.set(|settings| {
            settings
                .claims
                .insert("policy".to_owned(), json!("stsonly"));
            settings.user.groups = vec!["stsonly".to_owned()];
        });
        // AWS looks at the authorized party, where there is one.
        let trusted = match dialect {
            Dialect::Aws => CLIENT,
            _ => STORE_CLIENT,
        };
        let mut options = Options::new(dialect, Trust::of(&provider, trusted));
        options.settings.other_audiences.push(CLIENT.to_owned());
        change(&mut options);
        let desk = Self {
            storage: ObjectStorage::start(options).unwrap(),
            provider,
            dialect,
            folder,
        };
        for name in ["home", "config", "state", "cache", "run", "tmp"] {
            let mut builder = fs::DirBuilder::new();
            builder.mode(0o700).create(desk.path(name)).unwrap();
        }
        desk.write_browser();
        desk.knows(desk.storage.url());
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The tool, with these words.
    pub(crate) fn tool<W: Into<String>>(&self, words: impl IntoIterator<Item = W>) -> Call<'_> {
        Call::new(self, words)
    }

    /// What says which store, and who asks.
    pub(crate) fn source(&self) -> Vec<String> {
        let mut words = self.source_without_role();
        if self.dialect.needs_role() {
            words.extend(["--role-arn".to_owned(), self.dialect.role("datalab")]);
        }
        words
    }

    pub(crate) fn source_without_role(&self) -> Vec<String> {
        let file = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut words = vec!["--endpoint".to_owned(), self.storage.url().to_owned()];
        words.extend(["--ca-file".to_owned(), file(self.storage.authority())]);
        words.extend(["--issuer".to_owned(), self.provider.issuer()]);
        words.extend(["--client-id", CLIENT, "--scope", STORE_CLIENT].map(str::to_owned));
        words.extend(["--issuer-ca".to_owned(), file(self.provider.authority())]);
        words
    }

    /// Keys, in the form that is easiest to look at.
    pub(crate) fn get(&self) -> Call<'_> {
        self.tool(["get", "-o", "json"]).words(self.source())
    }

    /// What SDKs run.
    pub(crate) fn process(&self) -> Call<'_> {
        self.tool(["credential-process"]).words(self.source())
    }

    /// A login whose keys have to be given; the keys.
    #[track_caller]
    pub(crate) fn keys(&self) -> Value {
        self.get().run().json()
    }

    /// A file of the user's own.
    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        let path = self.path("home").join(name);
        self.write_private(&path, content.as_bytes());
        path.to_string_lossy().into_owned()
    }

    /// The user has said yes to tokens of the provider for this service.
    pub(crate) fn knows(&self, service: &str) {
        let document = json!({
            "apiVersion": "datalab/v1",
            "kind": "KnownIssuers",
            "issuers": [{
                "issuer": self.provider.issuer(),
                "clientId": CLIENT,
                "servers": [service],
                "certificateAuthority": self.provider.authority(),
            }],
        });
        let folder = self.path("config/kubectl-datalab");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .unwrap();
        self.write_private(
            &folder.join("issuers.json"),
            document.to_string().as_bytes(),
        );
    }

    pub(crate) fn write_private(&self, path: &Path, content: &[u8]) {
        use std::io::Write as _;
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .unwrap();
        file.write_all(content).unwrap();
    }

    /// Every file below the desk's state, cache and runtime folders, in order.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = ["state", "cache", "run", "config"]
            .map(|name| self.path(name))
            .to_vec();
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                match entry.file_type().unwrap().is_dir() {
                    true => open.push(entry.path()),
                    false => found.push(entry.path()),
                }
            }
        }
        found.sort();
        found
    }

    /// Forgets answers that are ready, so that the next call looks at the keys that are kept.
    pub(crate) fn forget_answers(&self) {
        for file in self.files() {
            if file.components().any(|part| part.as_os_str() == "replies") {
                fs::remove_file(file).unwrap();
            }
        }
    }

    /// Asserts that a text is what `snapshots/NAME.snap` holds.
    #[track_caller]
    pub(crate) fn keep(&self, name: &str, output: &Output) {
        keep(name, &output.to_string());
    }

    /// Waits for something.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut happened: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !happened() {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
            thread::sleep(POLL);
        }
    }

    /// A browser: curl, which follows the login page to the tool's own port.
    fn write_browser(&self) {
        let script = format!(
            "#!/bin/sh\nenv >> {0}/browser-environment\nprintf '%s\\n' \"$1\" >> {0}/pages\n\
             exec curl --silent --location --max-time 60 --noproxy '*' --cacert {1} \"$1\" >/dev/null 2>&1\n",
            self.folder.path().display(),
            self.provider.authority().display(),
        );
        let path = self.path("browser");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_eq!(self.provider.complaints(), Vec::<String>::new());
            assert_eq!(self.storage.complaints(), Vec::<String>::new());
        }
    }
}

/// Plays all cases at once, and puts together what they have to tell, each under its title.
pub(crate) fn side_by_side<C: Send>(
    cases: impl IntoIterator<Item = (String, C)>,
    play: impl Fn(C) -> Option<Output> + Sync,
) -> String {
    thread::scope(|scope| {
        let played: Vec<_> = cases
            .into_iter()
            .map(|(title, case)| (title, scope.spawn(|| play(case))))
            .collect();
        let told = played.into_iter().map(|(title, case)| {
            // The case itself has said what was wrong with it.
            let output = case.join().expect("because no case failed");
            output.map_or_else(String::new, |output| format!("## {title}\n{output}\n\n"))
        });
        told.collect()
    })
}

/// Asserts that a text is what `snapshots/NAME.snap` holds.
#[track_caller]
pub(crate) fn keep(name: &str, text: &str) {
    let text = crate::redact::redact(text);
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
