//! Programs that get keys: their environment, their end, and keys that outlast a lifetime.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use datalab_lab::object_storage::{Dialect, Endpoint, Fault, Reply, What};
use nix::sys::signal::Signal;

use crate::call::Call;
use crate::desk::{Desk, PATIENCE, keep, side_by_side};

fn exec<'a>(desk: &'a Desk, flags: &[&str], command: &[&str]) -> Call<'a> {
    desk.tool(["exec"])
        .words(flags.iter().copied())
        .words(desk.source())
        .words(["--"])
        .words(command.iter().copied())
}

/// The variables of a child that writes them down.
fn variables(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .collect()
}

#[test]
fn a_program_gets_keys_and_no_others() {
    let desk = Desk::new(Dialect::Ceph);
    let output = exec(&desk, &[], &["env"])
        .with("AWS_PROFILE", "work")
        .with("AWS_ACCESS_KEY_ID", "old")
        .with("AWS_SECURITY_TOKEN", "old")
        .with("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere")
        .with("AWS_ROLE_ARN", "old")
        .with("MINE", "kept")
        .run();
    assert_eq!(output.code, 0, "{output}");
    let found = variables(&output.stdout);
    let issued = desk.storage.issued().pop().unwrap();
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", issued.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", &issued.secret_access_key),
        ("AWS_SESSION_TOKEN", &issued.session_token),
        ("AWS_ENDPOINT_URL_S3", desk.storage.url()),
        ("MINE", "kept"),
    ] {
        assert_eq!(found.get(name), Some(&value), "{name}");
    }
    for name in [
        "AWS_PROFILE",
        "AWS_SECURITY_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
    ] {
        assert!(!found.contains_key(name), "{name}");
    }
    // With renewal the child is told where keys are, and has none.
    let output = exec(&desk, &["--renew"], &["env"])
        .with("AWS_ACCESS_KEY_ID", "old")
        .with("AWS_PROFILE", "work")
        .run();
    let found = variables(&output.stdout);
    assert!(found["AWS_CONTAINER_CREDENTIALS_FULL_URI"].starts_with("http://127.0.0.1:"));
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
    ] {
        assert!(!found.contains_key(name), "{name}");
    }
    assert!(!output.stdout.contains(&issued.secret_access_key));
}

#[test]
fn a_programs_end_is_ours() {
    let desk = Desk::new(Dialect::Minio);
    desk.keys();
    let mut all = String::new();
    for flags in [&[][..], &["--renew"]] {
        for (script, code) in [
            ("exit 0", 0),
            ("exit 7", 7),
            ("exit 125", 125),
            ("kill -TERM $$", 143),
            ("kill -KILL $$", 137),
        ] {
            let output = exec(&desk, flags, &["sh", "-c", script]).run();
            assert_eq!(output.code, code, "{output}");
            assert_eq!(output.stdout, "");
        }
        let missing = exec(&desk, flags, &["no-such-program"]).run();
        missing.failed(125);
        all.push_str(&format!(
            "## {flags:?}, a program that is not there\n{missing}\n\n"
        ));
    }
    // What fails before it is told apart from what the program says.
    let other = Desk::new(Dialect::Minio);
    other.storage.set(|settings| settings.policies.clear());
    let refused = exec(&other, &[], &["sh", "-c", "touch started"]).run();
    refused.failed(125);
    assert!(!other.path("home/started").exists());
    all.push_str(&format!("## no keys\n{refused}\n\n"));
    keep("exec", &all);
}

#[test]
fn signals_reach_the_program() {
    let desk = Desk::new(Dialect::Minio);
    desk.keys();
    // The signal comes as soon as there is a program to send it to.
    let script = "trap 'echo got $?; exit 9' TERM INT HUP; touch up; while :; do sleep 0.05; done";
    for flags in [&[][..], &["--renew"]] {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            let call = exec(&desk, flags, &["sh", "-c", script]);
            // Whoever runs the tests in the background ignores some, and so would all below.
            let call = call.after(["env", "--default-signal"]).start();
            desk.until("the program", || desk.path("home/up").exists());
            call.signal(signal);
            let output = call.wait();
            assert_eq!(output.code, 9, "{flags:?} {signal}: {output}");
            assert!(output.stdout.starts_with("got "), "{output}");
            fs::remove_file(desk.path("home/up")).unwrap();
        }
    }
}

#[test]
fn standard_streams_are_the_programs_own() {
    let desk = Desk::new(Dialect::Minio);
    desk.keys();
    for flags in [&[][..], &["--renew"]] {
        let script = "cat; echo talk >&2";
        let output = exec(&desk, flags, &["sh", "-c", script])
            .reading("input\n")
            .run();
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            ("input\n", "talk\n")
        );
    }
}

/// Asks for keys as an SDK does, and reads a bucket with them, again and again.
const JOB: &str = r#"
set -u
ends=$(( $(date +%s) + $1 ))
while [ "$(date +%s)" -lt "$ends" ]; do
  keys=$(curl -sS --fail --max-time 50 --noproxy '*' -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI") || exit 3
  field() { printf '%s' "$keys" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
  curl -sS --fail --max-time 50 --noproxy '*' --cacert "$AWS_CA_BUNDLE" --aws-sigv4 aws:amz:us-east-1:s3 \
    --user "$(field AccessKeyId):$(field SecretAccessKey)" -H "x-amz-security-token: $(field Token)" \
    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$AWS_ENDPOINT_URL_S3/alice/x" || exit 4
  echo
  sleep 0.1
done
"#;

/// Three of these pass while a job runs.
const LIFE_SECONDS: u64 = 9;

/// A busy machine takes so long between getting keys and using them.
const MARGIN: &str = "7s";

#[test]
fn a_job_outlasts_three_lifetimes() {
    let dialects = [Dialect::Minio, Dialect::Ceph, Dialect::Aws];
    let cases = dialects.map(|dialect| (String::new(), dialect));
    side_by_side(cases, |dialect| {
        let desk = Desk::with(dialect, |options| {
            options.settings.lifetime_of_credentials_seconds = Some(LIFE_SECONDS);
        });
        desk.storage.put("alice", "x", b"here");
        // The token for the store ends meanwhile too.
        desk.provider
            .set(|settings| settings.access_token_seconds = 20);
        let output = exec(
            &desk,
            &["--renew", "--min-ttl", MARGIN],
            &["sh", "-c", JOB, "sh", "28"],
        )
        .run();
        assert_eq!(output.code, 0, "{dialect:?} {output}");
        let lines: Vec<_> = output.stdout.lines().collect();
        let all_are_here = lines.iter().all(|line| *line == "here");
        assert!(lines.len() > 10 && all_are_here, "{dialect:?} {output}");
        let exchanges = desk.storage.issued().len();
        assert!((4..=15).contains(&exchanges), "{dialect:?} {exchanges}");
        assert_eq!(desk.provider.logins(), 1, "{dialect:?}");
        None
    });
}

#[test]
fn a_store_that_is_away_for_a_moment_stops_no_job() {
    let desk = Desk::with(Dialect::Minio, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(30);
    });
    desk.storage.put("alice", "x", b"here");
    let begun = Instant::now();
    let call = exec(
        &desk,
        &["--renew", "--min-ttl", "27s"],
        &["sh", "-c", JOB, "sh", "13"],
    )
    .start();
    desk.storage.until("the first keys", PATIENCE, || {
        !desk.storage.issued().is_empty()
    });
    let busy = What::Answer(Reply::html(503, "busy"));
    desk.storage
        .arm([Fault::at(Endpoint::AssumeRole, busy).times(4)]);
    let output = call.wait();
    assert_eq!(output.code, 0, "{output}");
    assert!(
        output
            .stderr
            .contains("warning: the keys could not be renewed"),
        "{output}"
    );
    assert!(
        begun.elapsed().as_secs() >= 8 && desk.storage.issued().len() >= 2,
        "{output}"
    );
}

#[test]
fn a_usage_error_is_none_of_the_commands_codes() {
    let desk = Desk::new(Dialect::Minio);
    for wrong in [["--bogus", "x"], ["--duration", "5y"]] {
        let output = desk.tool(["exec"]).words(wrong).words(["--", "true"]).run();
        assert_eq!(output.code, 125, "{output}");
        // The counterpart: without a command there is nobody to mix it up with.
        let output = desk.tool(["exec"]).words(wrong).run();
        assert_eq!(output.code, 2, "{output}");
    }
}
