//! A user's desk: a home of its own, a browser, an identity provider, a store, and the tool.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;

use datalab_lab::desk::{self, Home};
use datalab_lab::identity_provider::{self, IdentityProvider};
use datalab_lab::object_storage::{Dialect, ObjectStorage, Options, Trust};
use serde_json::{Value, json};

use crate::call::{Call, Output};

pub(crate) use datalab_lab::desk::PATIENCE;

/// The client that logs in.
pub(crate) const CLIENT: &str = "kubernetes";

/// The client that the store was configured with, and the scope that puts it into a token.
pub(crate) const STORE_CLIENT: &str = "minio";

pub(crate) struct Desk {
    pub(crate) provider: IdentityProvider,
    pub(crate) storage: ObjectStorage,
    pub(crate) dialect: Dialect,
    home: Home,
}

impl Desk {
    /// A desk whose user may have keys of a store of this dialect, and has had some before.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self::with(dialect, |_| {})
    }

    /// The same, with a store that is told something from the start.
    pub(crate) fn with(dialect: Dialect, change: impl FnOnce(&mut Options)) -> Self {
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
            home: Home::new(),
        };
        desk.write_browser();
        desk.knows(desk.storage.url());
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path(name)
    }

    pub(crate) fn environment(&self) -> BTreeMap<&'static str, OsString> {
        self.home.environment()
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
        self.home.write_known_issuers(&json!([{
            "issuer": self.provider.issuer(),
            "clientId": CLIENT,
            "servers": [service],
            "certificateAuthority": self.provider.authority(),
        }]));
    }

    pub(crate) fn write_private(&self, path: &Path, content: &[u8]) {
        self.home.write_private(path, content);
    }

    /// Every file below the desk's state, cache and runtime folders, in order.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.home.files(&["state", "cache", "run", "config"])
    }

    /// Forgets answers that are ready, so that the next call looks at the keys that are kept.
    pub(crate) fn forget_answers(&self) {
        self.home.forget_replies();
    }

    /// Asserts that a text is what `snapshots/NAME.snap` holds.
    #[track_caller]
    pub(crate) fn keep(&self, name: &str, output: &Output) {
        keep(name, &output.to_string());
    }

    /// Waits for something.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, happened: impl FnMut() -> bool) {
        desk::until(what, happened);
    }

    /// A browser: curl, which follows the login page to the tool's own port.
    fn write_browser(&self) {
        let script = format!(
            "#!/bin/sh\nenv >> {0}/browser-environment\nprintf '%s\\n' \"$1\" >> {0}/pages\n\
             exec curl --silent --location --max-time 60 --noproxy '*' --cacert {1} \"$1\" >/dev/null 2>&1\n",
            self.path("").display(),
            self.provider.authority().display(),
        );
        self.home.write_browser(&script);
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
    let told = desk::side_by_side(cases, |(title, case)| {
        let output = play(case);
        output.map_or_else(String::new, |output| format!("## {title}\n{output}\n\n"))
    });
    told.concat()
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
