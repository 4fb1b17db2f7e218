//! Somebody who comes with a token in a file: what she is told, row for row of the failure table.

use std::path::PathBuf;

use datalab_journeys::logins::Laptop;
use datalab_journeys::transcript::Transcript;
use datalab_lab::tenant::Output;

/// 2: what was said cannot be meant.
pub(crate) const USAGE: i32 = 2;

/// 4: refused, by the store or its token service.
pub(crate) const REFUSED: i32 = 4;

/// 5: there is no way there.
pub(crate) const UNREACHABLE: i32 = 5;

/// Where a token is shown for keys.
pub(crate) struct Counter {
    laptop: Laptop,
    transcript: Transcript,
    /// What stands before the words of a row: whose store, what to trust.
    store: Vec<(&'static str, String)>,
}

impl Counter {
    pub(crate) fn new(
        laptop: Laptop,
        transcript: Transcript,
        store: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            laptop,
            transcript,
            store,
        }
    }

    /// A file in her home with this text.
    #[track_caller]
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.laptop.home().join(name);
        std::fs::write(&path, text).expect("because the home is ours");
        path.to_string_lossy().into_owned()
    }

    /// Asks for keys with a token. Each of `differs` stands for the flag of that name, or takes it away
    /// where it is empty.
    #[track_caller]
    pub(crate) fn ask(
        &self,
        verb: &[&str],
        token: &str,
        differs: &[(&'static str, &str)],
    ) -> Output {
        let token = self.file("token", token);
        let mut flags = self.store.clone();
        flags.push(("--token", token));
        for (flag, value) in differs {
            flags.retain(|(known, _)| known != flag);
            if !value.is_empty() {
                flags.push((flag, (*value).to_owned()));
            }
        }
        let mut line: Vec<&str> = vec!["kubectl", "datalab", "s3-creds"];
        line.extend(verb);
        for (flag, value) in &flags {
            line.extend([*flag, value]);
        }
        self.laptop.program(line).run()
    }

    /// Runs a command with keys for a token.
    #[track_caller]
    pub(crate) fn exec(&self, token: &str, command: &[&str]) -> Output {
        let token = self.file("token", token);
        let mut line: Vec<&str> = vec!["kubectl", "datalab", "s3-creds", "exec"];
        for (flag, value) in &self.store {
            line.extend([*flag, value]);
        }
        line.extend(["--token", &token, "--"]);
        line.extend(command);
        self.laptop.program(line).run()
    }

    /// Keys are given: what `get -o json` shows.
    #[track_caller]
    pub(crate) fn given(&self, token: &str, differs: &[(&'static str, &str)]) -> serde_json::Value {
        let said = self
            .ask(&["get", "-o", "json", "--no-cache"], token, differs)
            .ok();
        serde_json::from_str(&said).expect("because JSON was asked for")
    }

    /// No keys are given, and why is kept under this name.
    #[track_caller]
    pub(crate) fn refused(
        &self,
        name: &str,
        code: i32,
        token: &str,
        differs: &[(&'static str, &str)],
    ) {
        let said = self.ask(&["get", "-o", "json"], token, differs);
        self.transcript.keep(name, &said);
        said.fails_with(code);
    }

    /// What any verb says, kept under this name.
    #[track_caller]
    pub(crate) fn keep(&self, name: &str, said: &Output) {
        self.transcript.keep(name, said);
    }
}
