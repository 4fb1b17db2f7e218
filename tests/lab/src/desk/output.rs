use std::fmt;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

/// Shorter secrets than this are ids of devices and the like, which may be shown.
const SHORTEST: usize = 31;

/// What a call came to.
#[derive(Clone)]
pub struct Output {
    /// The call, as a reader would type it.
    pub command: String,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// The exit code; of a signal 128 and its number.
    pub code: i32,
    /// How long it took.
    pub took: Duration,
}

impl Output {
    /// It failed with this code, and said nothing on standard output.
    ///
    /// # Panics
    /// When that is not so.
    #[track_caller]
    pub fn failed(&self, code: i32) -> &Self {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self}");
        self
    }

    /// The JSON on standard output, of a call that went well.
    ///
    /// # Panics
    /// When it did not, or there is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self}");
        let parsed = serde_json::from_str(&self.stdout);
        assert!(parsed.is_ok(), "{self}");
        parsed.unwrap_or_default()
    }

    /// The token of the `ExecCredential` on standard output.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn token(&self) -> String {
        let token = self.json()["status"]["token"].as_str().map(str::to_owned);
        assert!(token.is_some(), "no token: {self}");
        token.unwrap_or_default()
    }

    /// The claims of that token.
    ///
    /// # Panics
    /// When it is no JWT.
    #[track_caller]
    pub fn claims(&self) -> Value {
        let token = self.token();
        let claims = token.split('.').nth(1).unwrap_or_default();
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes());
        let claims = serde_json::from_slice(&claims.unwrap_or_default());
        claims.expect("because the provider gives JWTs")
    }

    /// What holds of every call, whatever is tested: no secret on standard error, no library's own
    /// words.
    ///
    /// # Panics
    /// When that is not so.
    #[track_caller]
    pub fn assert_discreet(&self, secrets: &[String]) {
        for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
            // A state stands in the address that the user is told to open, and nowhere else.
            let mut lines = self.stderr.lines().filter(|line| !line.contains("://"));
            let shown = lines.any(|line| line.contains(secret));
            assert!(!shown, "a secret on stderr: {self}");
        }
        for word in ["panicked at", "RUST_BACKTRACE", "Err(", "Some("] {
            assert!(!self.stderr.contains(word), "{word}: {self}");
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.command)?;
        if !self.stdout.is_empty() {
            writeln!(f, "[stdout]\n{}", self.stdout.trim_end())?;
        }
        if !self.stderr.is_empty() {
            writeln!(f, "[stderr]\n{}", self.stderr.trim_end())?;
        }
        write!(f, "[exit code {}]", self.code)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
