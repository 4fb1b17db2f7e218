//! A provider, a store that trusts it, and curl.

use std::process::{Command, Stdio};

use datalab_lab::identity_provider::{self, IdentityProvider};
use datalab_lab::object_storage::{Credentials, Dialect, ObjectStorage, Options, Trust};

/// The client that the store's tokens are for.
pub(crate) const CLIENT: &str = "minio";

pub(crate) struct Bench {
    pub(crate) provider: IdentityProvider,
    pub(crate) storage: ObjectStorage,
    pub(crate) dialect: Dialect,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The first text of an element of this name.
    pub(crate) fn text(&self, name: &str) -> String {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let found = self.body.split_once(&open);
        let found = found.and_then(|(_, rest)| rest.split_once(&close));
        found.map_or_else(String::new, |(text, _)| text.to_owned())
    }

    /// `400 InvalidParameterValue Token is expired`.
    pub(crate) fn refusal(&self) -> String {
        let said = format!(
            "{} {} {}",
            self.status,
            self.text("Code"),
            self.text("Message")
        );
        said.trim_end().to_owned()
    }
}

/// The fields of a usual exchange.
pub(crate) type Fields<'a> = Vec<(&'a str, String)>;

impl Bench {
    /// A store of a dialect, whose users have the policy `stsonly`.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self::with(dialect, |_| {})
    }

    pub(crate) fn with(dialect: Dialect, change: impl FnOnce(&mut Options)) -> Self {
        let provider = IdentityProvider::start(identity_provider::Options::default()).unwrap();
        provider.set(|settings| {
            let policy = serde_json::json!("stsonly");
            settings.claims.insert("policy".to_owned(), policy);
            settings.user.groups = vec!["stsonly".to_owned()];
        });
        // As VersityGW: the authorized party decides, where there is one.
        let client = match dialect {
            Dialect::Aws => "kubernetes",
            _ => CLIENT,
        };
        let mut options = Options::new(dialect, Trust::of(&provider, client));
        options
            .settings
            .other_audiences
            .push("kubernetes".to_owned());
        change(&mut options);
        let storage = ObjectStorage::start(options).unwrap();
        Self {
            provider,
            storage,
            dialect,
        }
    }

    pub(crate) fn token(&self) -> String {
        self.provider.mint("kubernetes", &[CLIENT]).unwrap()
    }

    /// What every dialect accepts, with a token of this moment.
    pub(crate) fn fields(&self) -> Fields<'static> {
        let mut fields = vec![
            ("Action", "AssumeRoleWithWebIdentity".to_owned()),
            ("Version", "2011-06-15".to_owned()),
            ("WebIdentityToken", self.token()),
            ("RoleSessionName", "alice".to_owned()),
            ("DurationSeconds", "3600".to_owned()),
        ];
        if self.dialect.needs_role() {
            fields.push(("RoleArn", self.dialect.role("datalab")));
        }
        fields
    }

    /// Sends a form by curl.
    pub(crate) fn exchange(&self, fields: &Fields<'_>) -> Answer {
        let mut words = Vec::new();
        for (name, value) in fields {
            words.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
        }
        self.curl("/", &words)
    }

    /// An exchange with a field changed; `None` leaves it out.
    pub(crate) fn exchange_but(&self, name: &'static str, value: Option<&str>) -> Answer {
        let mut fields = self.fields();
        fields.retain(|(found, _)| *found != name);
        fields.extend(value.map(|value| (name, value.to_owned())));
        self.exchange(&fields)
    }

    /// An exchange that has to work.
    #[track_caller]
    pub(crate) fn credentials(&self, fields: &Fields<'_>) -> Credentials {
        let answer = self.exchange(fields);
        assert_eq!(answer.status, 200, "{answer:?}");
        self.storage.issued().pop().unwrap()
    }

    /// curl's request to a path of the store.
    pub(crate) fn curl<W: AsRef<str>>(&self, path: &str, words: &[W]) -> Answer {
        let output = self.curl_to(&format!("{}{path}", self.storage.url()), words);
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output).into_owned();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{text:?}"));
        // curl shows what was said in between.
        let (head, body) = match body.split_once("\r\n\r\n") {
            Some(rest) if head.starts_with("HTTP/1.1 100") => rest,
            _ => (head, body),
        };
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    /// What curl shows of an answer, or its exit code.
    pub(crate) fn curl_to<W: AsRef<str>>(&self, url: &str, words: &[W]) -> Result<Vec<u8>, i32> {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--include",
                "--max-time",
                "50",
                "--noproxy",
                "*",
            ])
            .arg("--cacert")
            .arg(self.storage.authority())
            .args(words.iter().map(AsRef::as_ref))
            .arg(url)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(output.status.code().unwrap_or_default()),
        }
    }

    /// A request that curl signs with these keys.
    pub(crate) fn signed(&self, keys: &Credentials, path: &str, words: &[&str]) -> Answer {
        let Credentials {
            access_key_id: key,
            secret_access_key: secret,
            session_token: token,
            ..
        } = keys;
        let user = format!("{key}:{secret}");
        let token = format!("x-amz-security-token: {token}");
        let hash = "x-amz-content-sha256: UNSIGNED-PAYLOAD";
        let sign = [
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "--user",
            &user,
            "-H",
            &token,
            "-H",
            hash,
        ];
        self.curl(path, &[&sign, words].concat())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.provider.complaints(), Vec::<String>::new());
        }
    }
}
