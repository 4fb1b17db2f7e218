//! A user's desk: a home of its own, a browser, an identity provider, and the tool.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use datalab_lab::desk::{self, Home};
use datalab_lab::identity_provider::{IdentityProvider, Options, Settings};
use serde_json::{Value, json};

use crate::call::{Call, Output};
use crate::page::Pages;

pub(crate) use datalab_lab::desk::PATIENCE;

/// The client that the desk's kubeconfig would name.
pub(crate) const CLIENT: &str = "kubernetes";

/// The API server that it would name.
pub(crate) const SERVER: &str = "https://203.0.113.7:6443";

/// How often something is looked for.
const POLL: Duration = Duration::from_millis(10);

pub(crate) struct Desk {
    pub(crate) provider: Arc<IdentityProvider>,
    home: Home,
    pages: Pages,
    over: Arc<AtomicBool>,
    person: Option<JoinHandle<()>>,
    /// The provider's complaints are what the test is about.
    complaints_expected: bool,
}

impl Desk {
    /// A desk whose user knows the issuer and its server, and opens what the browser is given.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with a provider that is told something from the start.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut options = Options::default();
        change(&mut options.settings);
        Self::of(options)
    }

    pub(crate) fn of(options: Options) -> Self {
        let desk = Self::stranger(options);
        desk.knows(&desk.provider.issuer(), &[SERVER]);
        desk
    }

    /// A desk whose user has never heard of the issuer.
    pub(crate) fn stranger(options: Options) -> Self {
        let home = Home::new();
        let provider = Arc::new(IdentityProvider::start(options).unwrap());
        let pages = Pages::new(&home.path(""), Arc::clone(&provider));
        let over = Arc::new(AtomicBool::new(false));
        let desk = Self {
            person: Some(Self::person(pages.clone(), Arc::clone(&over))),
            provider,
            home,
            pages,
            over,
            complaints_expected: false,
        };
        desk.write_browser();
        desk
    }

    /// Who opens each page that the browser is given.
    fn person(pages: Pages, over: Arc<AtomicBool>) -> JoinHandle<()> {
        thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                pages.open_new_ones();
                thread::sleep(POLL);
            }
        })
    }

    /// The person looks at no page by themselves: the test is the person.
    pub(crate) fn leave_pages_to_the_test(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(person) = self.person.take() {
            person.join().unwrap();
        }
    }

    /// The provider may complain here.
    pub(crate) fn expect_complaints(&mut self) {
        self.complaints_expected = true;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path(name)
    }

    pub(crate) fn environment(&self) -> BTreeMap<&'static str, OsString> {
        self.home.environment()
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    /// The tool, with these words.
    pub(crate) fn tool<W: Into<String>>(&self, words: impl IntoIterator<Item = W>) -> Call<'_> {
        Call::new(self, words)
    }

    /// What identifies the session in most verbs.
    pub(crate) fn session_words(&self) -> Vec<String> {
        let authority = self.provider.authority();
        [
            "--issuer",
            &self.provider.issuer(),
            "--client-id",
            CLIENT,
            "--issuer-ca",
            authority.to_str().unwrap(),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// What kubectl runs, for a server with a terminal or without.
    pub(crate) fn get_token(&self) -> Call<'_> {
        self.verb("get-token").asked_by_kubectl("v1", false)
    }

    /// A verb, for the desk's session.
    pub(crate) fn verb(&self, verb: &str) -> Call<'_> {
        self.tool([verb]).words(self.session_words())
    }

    /// A login in the browser that has to work; what was answered.
    #[track_caller]
    pub(crate) fn log_in(&self) -> Output {
        let output = self.get_token().run();
        output.token();
        output
    }

    /// Adds an issuer to those that the user has said yes to.
    pub(crate) fn knows(&self, issuer: &str, servers: &[&str]) {
        self.home.write_known_issuers(&json!([{
            "issuer": issuer,
            "clientId": CLIENT,
            "servers": servers,
            "certificateAuthority": self.provider.authority(),
        }]));
    }

    /// The same for the desk's issuer and server, whose tokens can be for these services too.
    pub(crate) fn knows_services(&self, audiences: &Value) {
        self.home.write_known_issuers(&json!([{
            "issuer": self.provider.issuer(),
            "clientId": CLIENT,
            "servers": [SERVER],
            "certificateAuthority": self.provider.authority(),
            "audiences": audiences,
        }]));
    }

    /// The issuers that the user has said yes to.
    pub(crate) fn known_issuers(&self) -> Value {
        self.home.known_issuers()
    }

    pub(crate) fn write_private(&self, path: &Path, content: &[u8]) {
        self.home.write_private(path, content);
    }

    /// Every file below the desk's state, cache and runtime folders, in order.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.home.files(&["state", "cache", "run"])
    }

    /// The one file of this name, `session.json` say, or below a folder of this name, `replies`.
    #[track_caller]
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let mut files = self.files();
        files.retain(|file| {
            let below = |part: &Path| part.file_name().is_some_and(|part| part == name);
            below(file) || file.parent().is_some_and(below)
        });
        assert_eq!(files.len(), 1, "{name} among {:#?}", self.files());
        files.remove(0)
    }

    /// Forgets the ready-made replies, so that the next call looks at the session.
    pub(crate) fn forget_replies(&self) {
        self.home.forget_replies();
    }

    /// Asserts that a call showed what `snapshots/NAME.snap` holds.
    #[track_caller]
    pub(crate) fn keep(&self, name: &str, output: &Output) {
        self.keep_text(name, &output.to_string());
    }

    /// Asserts that a text is what `snapshots/NAME.snap` holds.
    #[track_caller]
    pub(crate) fn keep_text(&self, name: &str, text: &str) {
        let text = crate::redact::redact(text);
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, text));
    }

    /// Waits for something.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, happened: impl FnMut() -> bool) {
        desk::until(what, happened);
    }

    /// A browser that makes as much noise as browsers do, notes what it was given, and what else it
    /// could have seen.
    fn write_browser(&self) {
        let script = format!(
            "#!/bin/sh\n\
             echo 'Opening in existing browser session.'\n\
             echo '[1:1:ERROR:gpu_init.cc(523)] Passthrough is not supported' >&2\n\
             env >> {0}/browser-environment\n\
             printf '%s\\n' \"$#\" >> {0}/browser-arguments\n\
             printf '%s\\n' \"$1\" >> {0}/pages\n",
            self.path("").display()
        );
        self.home.write_browser(&script);
    }
}

/// Plays all cases at once, and puts together what they have to tell.
pub(crate) fn side_by_side<C: Send>(
    cases: impl IntoIterator<Item = C>,
    play: impl Fn(C) -> String + Sync,
) -> String {
    desk::side_by_side(cases, play).concat()
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.provider.release();
        if let Some(person) = self.person.take() {
            let joined = person.join();
            assert!(joined.is_ok() || thread::panicking(), "the person panicked");
        }
        if !self.complaints_expected && !thread::panicking() {
            assert_eq!(self.provider.complaints(), Vec::<String>::new());
        }
    }
}
