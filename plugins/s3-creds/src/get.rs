//! Keys in the form that the next tool reads, on standard output.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use datalab_core::{
    cli,
    report::{Failure, Outcome, printable, whole_seconds},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{
    desk::Desk,
    forms::{self, Form, Naming},
    issue::{self, Ready, Terms},
    source::{Source, TokenSource, absolute},
    span::in_words,
    warm,
};

/// What SDKs run.
pub(crate) const CREDENTIAL_PROCESS: &str = "credential-process";

/// How long an answer is ready before everything it depends on is looked at again.
const READY_FOR: SignedDuration = SignedDuration::from_mins(15);

/// What tools call it where neither the user nor the platform has a name.
pub(crate) const DEFAULT_NAME: &str = "datalab";

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) source: Source,
    pub(crate) terms: Terms,
    pub(crate) form: Form,
    /// What the next tool is to call it.
    pub(crate) name: Option<String>,
    /// Where this program lies.
    pub(crate) own_path: PathBuf,
    pub(crate) show_secret: bool,
}

/// Gets keys, and returns them in the form asked for.
pub(crate) async fn get(request: &Request, desk: &Desk<'_>) -> Result<String, Failure> {
    // Two forms say how keys are asked for, and hold none; a profile does where nothing can be asked.
    let holds_none = match request.form {
        Form::WebIdentity => true,
        Form::AwsProfile => request.source.words().is_some(),
        _ => false,
    };
    let shows = request.show_secret || holds_none;
    cli::refuse_screen(desk.world, shows, "the result").map_err(|failure| {
        failure
            .detail("a program or a file that takes the output gets it as it is")
            .detail("without --output, get prints a summary that may be seen")
            .next("the same command with --show-secret")
            .next(format!("{} get", desk.name))
    })?;
    let ready = issue::issue(&request.source, &request.terms, desk).await?;
    let Request {
        source,
        terms,
        name,
        own_path,
        ..
    } = request;
    let naming = naming(&ready, source, terms, name.as_ref(), own_path);
    let text = forms::render(request.form, &ready.issued, &naming)?;
    let notes = forms::notes(request.form, &ready.issued, &naming);
    for note in ready.notes.iter().chain(&notes) {
        desk.world
            .streams()
            .talk(&format!("note: {}", printable(note)));
    }
    keep(&ready, request, &text, desk);
    Ok(text)
}

/// What the next tool calls things, and where it finds files; `name` is the user's own.
pub(crate) fn naming(
    ready: &Ready,
    source: &Source,
    terms: &Terms,
    name: Option<&String>,
    own_path: &Path,
) -> Naming {
    let name = name.or(ready.profile.as_ref());
    Naming {
        profile: name.map_or(DEFAULT_NAME, String::as_str).to_owned(),
        program: again(ready, source, terms, own_path),
        token_file: match &source.token {
            TokenSource::File(path) => Some(absolute(path)),
            _ => None,
        },
        ca_file: ready.ca_file.clone(),
    }
}

/// This program and the words that have it print the same keys again, from wherever it is started;
/// nothing where a token, or keys, are only there this once.
fn again(ready: &Ready, source: &Source, terms: &Terms, own_path: &Path) -> Vec<String> {
    let mut source = source.clone();
    if source.onyxia.is_none() && source.endpoint.is_none() {
        source.onyxia.clone_from(&ready.platform);
    }
    let Some(words) = source.words() else {
        return Vec::new();
    };
    let program = own_path.to_string_lossy().into_owned();
    let words = [program, CREDENTIAL_PROCESS.to_owned()]
        .into_iter()
        .chain(words);
    words.chain(terms.words()).collect()
}

/// Makes the answer ready for the next call, which is not told again what has been said once.
fn keep(ready: &Ready, request: &Request, text: &str, desk: &Desk<'_>) {
    let keeps = request.terms.cache == crate::cache::CacheKind::File;
    let (Some(question), Some((identity, token_id)), Some(fresh_until), Ok(sessions)) = (
        warm::question(),
        &ready.login,
        ready.fresh_until,
        desk.sessions(),
    ) else {
        return;
    };
    // Which account and which platform are meant can change, and what the token says of the user.
    let fresh_until = fresh_until.min(desk.world.now() + READY_FOR);
    let (Some(file), Ok(until)) = (question.file(), u64::try_from(fresh_until.as_second())) else {
        return;
    };
    let now = Duration::try_from(desk.world.now().as_duration()).unwrap_or_default();
    if !keeps || !request.source.is_settled() || until <= now.as_secs() {
        return;
    }
    let content = datalab_core::ready::compose(&question, until, token_id, None, text.as_bytes());
    // A call without it is slower, and that is all.
    let session = sessions.session(identity, &[]);
    let _ = session.keep_reply(token_id, &file, &content);
}

/// Keys without their secrets, for a screen.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    access_key_id: String,
    user: Option<String>,
    profile: Option<String>,
    role_arn: Option<String>,
    endpoint: String,
    region: String,
    sts_endpoint: Option<String>,
    expires: Option<Timestamp>,
    #[serde(skip)]
    left: Option<u64>,
    notes: Vec<String>,
    #[serde(skip)]
    command: String,
}

/// Gets keys, and tells about them.
pub(crate) async fn summary(
    source: &Source,
    terms: &Terms,
    desk: &Desk<'_>,
) -> Result<Summary, Failure> {
    let ready = issue::issue(source, terms, desk).await?;
    let now = desk.world.now();
    let origin = ready.issued.origin.as_ref();
    Ok(Summary {
        access_key_id: ready.issued.credentials.access_key_id.clone(),
        user: origin.map(|origin| origin.username.clone()),
        role_arn: origin.and_then(|origin| origin.role_arn.clone()),
        sts_endpoint: origin.map(|origin| origin.sts_url.clone()),
        endpoint: ready.issued.store.url.clone(),
        region: ready.issued.store.region.clone(),
        left: ready
            .expires
            .and_then(|expires| u64::try_from(expires.duration_since(now).as_secs()).ok()),
        expires: ready.expires,
        profile: ready.profile,
        notes: ready.notes,
        command: desk.name.to_string(),
    })
}

impl Outcome for Summary {
    const KIND: &'static str = "S3CredentialsSummary";

    fn text(&self, _wide: bool) -> String {
        let mut lines = vec![format!("store     {}", self.endpoint)];
        let mut line = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                lines.push(format!("{name:<9} {}", printable(value)));
            }
        };
        line("user", &self.user);
        line("profile", &self.profile);
        line("role", &self.role_arn);
        line("key", &Some(self.access_key_id.clone()));
        let expires = self.expires.map(|expires| match self.left {
            Some(left) => format!("in {} ({})", in_words(left), whole_seconds(expires)),
            None => whole_seconds(expires),
        });
        line("expires", &expires.or_else(|| Some("never".to_owned())));
        for note in &self.notes {
            lines.push(format!("note: {}", printable(note)));
        }
        lines.push(format!(
            "\nfor this shell: eval \"$({} get)\"; for a program: {0} exec -- COMMAND",
            self.command
        ));
        lines.join("\n")
    }

    fn names(&self) -> Vec<String> {
        vec![format!("s3credentials/{}", self.access_key_id)]
    }
}
