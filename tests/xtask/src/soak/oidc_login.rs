//! oidc-login killed at random moments of refreshes that compete, at a provider that ends a session
//! when a refresh token comes twice. What the protocol tests do at each step once, this does wherever
//! chance has it.

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use datalab_lab::identity_provider::{IdentityProvider, Options};

use super::{Failure, Numbers, one_killed, say};
use crate::browser;

/// Calls that compete in each round; one of them is killed.
const CALLS: usize = 4;

/// Within this most refreshes have begun and ended: a kill is to fall between.
const REFRESH: Duration = Duration::from_millis(40);

/// So short that every round has a token to exchange, and long enough that it is still good.
const TOKEN_SECONDS: i64 = 2;

struct Scene<'a> {
    plugin: &'a Path,
    provider: IdentityProvider,
    home: tempfile::TempDir,
}

/// Soaks. A call that fails without having been killed, or a second login for one kill, ends it.
pub(super) fn run(plugin: &Path, rounds: u32, numbers: &mut Numbers) -> Result<ExitCode, Failure> {
    let mut options = Options::default();
    options.settings.access_token_seconds = TOKEN_SECONDS;
    let scene = Scene {
        plugin,
        provider: IdentityProvider::start(options)?,
        home: tempfile::tempdir()?,
    };
    browser::script(scene.home.path())?;
    scene.succeeds(&["login"])?;
    let begun = Instant::now();
    let (mut ended, mut relogins) = (0, 0);
    for round in 1..=rounds {
        let logins = scene.provider.logins();
        ended += u32::from(scene.round(numbers)?);
        scene.succeeds(&["get-token"])?;
        let more = scene.provider.logins() - logins;
        if more > 1 {
            return Err(format!("round {round}: one kill, and {more} logins").into());
        }
        relogins += more;
        if round % 20 == 0 {
            say(&format!("{round} kills, {:.0?}", begun.elapsed()))?;
        }
    }
    say(&format!(
        "{rounds} kills in {:.0?}, {ended} of them after the call's end: {relogins} cost a login, none cost two, and no other call failed",
        begun.elapsed()
    ))?;
    Ok(ExitCode::SUCCESS)
}

impl Scene<'_> {
    fn command(&self, verb: &[&str]) -> Command {
        let authority = self.provider.authority();
        let mut command = Command::new(self.plugin);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .args(verb)
            .args(["--issuer", &self.provider.issuer()])
            .args(["--client-id", "kubernetes"])
            .arg("--issuer-ca")
            .arg(&authority);
        browser::played_by(&mut command, "alice", self.home.path(), &authority);
        command
    }

    fn succeeds(&self, verb: &[&str]) -> Result<(), Failure> {
        succeeded(self.command(verb).spawn()?)
    }

    /// Calls that compete, one of them killed; returns whether it had ended by then.
    fn round(&self, numbers: &mut Numbers) -> Result<bool, Failure> {
        let verbs: [&[&str]; 2] = [&["refresh", "--now"], &["get-token"]];
        let calls = verbs.iter().cycle().take(CALLS);
        let mut calls: Vec<_> = calls.map(|verb| self.command(verb)).collect();
        let (had_ended, others) = one_killed(&mut calls, REFRESH, numbers)?;
        others.into_iter().try_for_each(succeeded)?;
        Ok(had_ended)
    }
}

fn succeeded(child: Child) -> Result<(), Failure> {
    let output = child.wait_with_output()?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("a call that nobody killed: {} {said}", output.status).into())
        }
    }
}
