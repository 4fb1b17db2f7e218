//! What is counted at a token service that is slow: how often it is asked, and who waits for it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use datalab_lab::identity_provider::{self, IdentityProvider};
use datalab_lab::object_storage::{Dialect, Endpoint, Fault, ObjectStorage, Options, Trust, What};

use crate::bench::{
    Failure,
    calls::{at_once, call, milliseconds},
    table::Row,
};

/// As many as a job array starts.
const CALLERS: usize = 50;

/// Beside this, the start of a process is nothing.
const SLOW: Duration = Duration::from_secs(2);

/// The client that the store trusts.
const CLIENT: &str = "minio";

pub(super) fn rows(program: &Path) -> Result<[Row; 2], Failure> {
    let provider = IdentityProvider::start(identity_provider::Options::default())?;
    provider.set(|settings| {
        settings
            .access_token_claims
            .insert("policy".to_owned(), "stsonly".into());
    });
    let storage = ObjectStorage::start(Options::new(Dialect::Minio, Trust::of(&provider, CLIENT)))?;
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    fs::write(&token, provider.mint("kubernetes", &["openid", CLIENT])?)?;
    let command = |home: &str| {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder.path().join(home))
            .stdin(Stdio::null())
            .args(["get", "-o", "json", "--endpoint", storage.url()])
            .arg("--ca-file")
            .arg(storage.authority())
            .arg("--token")
            .arg(&token);
        command
    };
    for home in ["alone", "crowd"] {
        fs::create_dir(folder.path().join(home))?;
    }
    storage.arm([Fault::at(Endpoint::AssumeRole, What::DelayBefore(SLOW))]);
    let alone = call(command("alone"))?;
    let before = storage.count(Endpoint::AssumeRole);
    let crowd = at_once(CALLERS, || command("crowd"))?;
    let exchanges = storage.count(Endpoint::AssumeRole) - before;
    let ratio = crowd.as_secs_f64() / alone.as_secs_f64();
    Ok([
        Row {
            what: "50 callers at once",
            ours: format!("{exchanges} exchanges"),
            peer: "-".to_owned(),
            value: format!("{exchanges}"),
            target: "1 exchange",
            met: exchanges == 1,
        },
        Row {
            what: "the last of them, the service taking 2 s",
            ours: milliseconds(crowd),
            peer: format!("{}, one alone", milliseconds(alone)),
            value: format!("{ratio:.2} ×"),
            target: "≤ 1.2 ×",
            met: ratio <= 1.2,
        },
    ])
}
