//! What is counted at the provider: the requests of a refresh, and the logins of a cold start.

use std::path::Path;
use std::process::{Command, Stdio};

use datalab_lab::identity_provider::{Endpoint, IdentityProvider, Options};

use super::USER;
use crate::bench::{Failure, calls::at_once, output, table::Row};
use crate::browser;

/// As many as a script with `xargs -P` starts.
const COLD: usize = 20;

pub(super) fn rows(program: &Path) -> Result<[Row; 2], Failure> {
    let provider = IdentityProvider::start(Options::default())?;
    let folder = tempfile::tempdir()?;
    let issuer = provider.issuer();
    let authority = provider.authority();
    browser::script(folder.path())?;
    let command = |verb: &[&str]| {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .args(verb)
            .args(["--issuer", &issuer, "--client-id", "kubernetes"])
            .arg("--issuer-ca")
            .arg(&authority);
        browser::played_by(&mut command, USER, folder.path(), &authority);
        command
    };
    output(&mut command(&["login"]))?;
    output(&mut command(&["logout"]))?;
    let before = provider.logins();
    at_once(COLD, || command(&["get-token"]))?;
    let logins = provider.logins() - before;
    provider.forget_requests();
    output(&mut command(&["refresh", "--now"]))?;
    let all = provider.requests().len();
    let refreshes = provider.count(Endpoint::Refresh);
    Ok([
        Row {
            what: "a refresh",
            ours: format!("{all} requests, {refreshes} refreshes"),
            peer: "-".to_owned(),
            value: format!("{all}"),
            target: "1 request",
            met: all == 1 && refreshes == 1,
        },
        Row {
            what: "20 cold starts at once",
            ours: format!("{logins} logins"),
            peer: "-".to_owned(),
            value: format!("{logins}"),
            target: "1 login",
            met: logins == 1,
        },
    ])
}
