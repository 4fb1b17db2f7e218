//! s3-creds killed at random moments while it asks for keys, beside others that want the same, at a
//! provider that ends a session when a refresh token comes twice. What the protocol tests do at each
//! step once, this does wherever chance has it.

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use datalab_lab::identity_provider::{self, IdentityProvider};
use datalab_lab::object_storage::{Dialect, Endpoint, ObjectStorage, Options, Trust};

use super::{Failure, Numbers, one_killed, say};
use crate::browser;

/// Calls that compete in each round; one of them is killed.
const CALLS: usize = 4;

/// Within this most exchanges have begun and ended: a kill is to fall between.
const EXCHANGE: Duration = Duration::from_millis(80);

/// The client that the store trusts, and the scope that puts it into a token.
const CLIENT: &str = "minio";

struct Scene<'a> {
    plugin: &'a Path,
    provider: IdentityProvider,
    storage: ObjectStorage,
    home: tempfile::TempDir,
}

/// Soaks. A call that fails without having been killed, keys that are none, a second login for one
/// kill, or more exchanges than processes that were killed and one, ends it.
pub(super) fn run(plugin: &Path, rounds: u32, numbers: &mut Numbers) -> Result<ExitCode, Failure> {
    let provider = IdentityProvider::start(identity_provider::Options::default())?;
    provider.set(|settings| {
        settings
            .claims
            .insert("policy".to_owned(), "stsonly".into());
    });
    let trust = Trust::of(&provider, CLIENT);
    let scene = Scene {
        plugin,
        storage: ObjectStorage::start(Options::new(Dialect::Minio, trust))?,
        provider,
        home: tempfile::tempdir()?,
    };
    browser::script(scene.home.path())?;
    scene.keys(scene.command(&["--trust"]).spawn()?)?;
    let begun = Instant::now();
    let (mut ended, mut relogins) = (0, 0);
    for round in 1..=rounds {
        let logins = scene.provider.logins();
        let exchanges = scene.storage.count(Endpoint::AssumeRole);
        scene.forget_keys()?;
        ended += u32::from(scene.round(numbers)?);
        scene.keys(scene.command(&[]).spawn()?)?;
        let more = scene.provider.logins() - logins;
        let asked = scene.storage.count(Endpoint::AssumeRole) - exchanges;
        if more > 1 || asked > 2 {
            return Err(
                format!("round {round}: one kill, {more} logins and {asked} exchanges").into(),
            );
        }
        relogins += more;
        if round % 20 == 0 {
            say(&format!("{round} kills, {:.0?}", begun.elapsed()))?;
        }
    }
    say(&format!(
        "{rounds} kills in {:.0?}, {ended} of them after the call's end: {relogins} cost a login, none cost two, none more than one exchange, and no other call failed",
        begun.elapsed()
    ))?;
    Ok(ExitCode::SUCCESS)
}

impl Scene<'_> {
    fn tool(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.plugin);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .args(words);
        browser::played_by(
            &mut command,
            "alice",
            self.home.path(),
            &self.provider.authority(),
        );
        command
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.tool(&["get", "-o", "json", "--endpoint", self.storage.url()]);
        command
            .args(["--issuer", &self.provider.issuer()])
            .args(["--client-id", "kubernetes", "--scope", CLIENT])
            .arg("--issuer-ca")
            .arg(self.provider.authority())
            .arg("--ca-file")
            .arg(self.storage.authority())
            .args(words);
        command
    }

    fn forget_keys(&self) -> Result<(), Failure> {
        let output = self.tool(&["logout"]).output()?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into()),
        }
    }

    /// Calls that compete, one of them killed; returns whether it had ended by then.
    fn round(&self, numbers: &mut Numbers) -> Result<bool, Failure> {
        let mut calls: Vec<_> = (0..CALLS).map(|_| self.command(&[])).collect();
        let (had_ended, others) = one_killed(&mut calls, EXCHANGE, numbers)?;
        others.into_iter().try_for_each(|call| self.keys(call))?;
        Ok(had_ended)
    }

    /// What a call has printed has to be keys that the store has given.
    fn keys(&self, call: Child) -> Result<(), Failure> {
        let output = call.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("a call that nobody killed: {} {said}", output.status).into());
        }
        let keys: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let key = keys["accessKeyId"].as_str().unwrap_or_default();
        match self
            .storage
            .issued()
            .iter()
            .any(|issued| issued.access_key_id == key)
        {
            true => Ok(()),
            false => Err(format!("keys that nobody gave: {key}").into()),
        }
    }
}
