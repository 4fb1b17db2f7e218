//! Nothing secret where others can read it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use datalab_lab::desk::has_strace;
use datalab_lab::object_storage::{Dialect, Endpoint, Fault, What};

use crate::call::TOOL;
use crate::desk::{Desk, PATIENCE};

/// What only the user, the provider and the store may know. A state and a nonce stand in the
/// browser's address.
fn secrets(desk: &Desk) -> Vec<String> {
    let open = fs::read_to_string(desk.path("pages")).unwrap_or_default();
    let mut secrets = [desk.provider.secrets(), desk.storage.secrets()].concat();
    secrets.retain(|secret| !open.contains(secret.as_str()));
    assert!(secrets.len() >= 6, "{}", secrets.len());
    secrets
}

#[track_caller]
fn assert_without_secrets(desk: &Desk, place: &str, text: &str) {
    for secret in secrets(desk) {
        assert!(!text.contains(&secret), "a secret in {place}");
    }
}

#[test]
fn children_get_no_secret_in_arguments_or_environment() {
    if !has_strace("no secret in arguments or environment") {
        return;
    }
    let desk = Desk::new(Dialect::Minio);
    let log = desk.path("children");
    let path = log.display().to_string();
    let strace = [
        "strace",
        "-f",
        "-v",
        "-s",
        "200000",
        "-e",
        "trace=execve",
        "-o",
        &path,
    ];
    desk.get().after(strace).run().json();
    let children = fs::read_to_string(log).unwrap();
    assert!(
        children.contains("execve") && children.contains("curl"),
        "{children}"
    );
    assert_without_secrets(&desk, "a child's arguments or environment", &children);
    let environment = fs::read_to_string(desk.path("browser-environment")).unwrap();
    assert_without_secrets(&desk, "the browser's environment", &environment);
}

#[test]
fn its_own_arguments_and_environment_hold_none() {
    let desk = Desk::new(Dialect::Minio);
    let token = desk.provider.mint("kubernetes", &["minio"]).unwrap();
    desk.storage
        .arm([Fault::at(Endpoint::AssumeRole, What::HoldAfter)]);
    let call = desk.get().words(["--token", "-"]).reading(&token).start();
    desk.storage.until_held(PATIENCE);
    for name in ["cmdline", "environ"] {
        let text = fs::read(format!("/proc/{}/{name}", call.pid())).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        for secret in [desk.provider.secrets(), desk.storage.secrets()].concat() {
            assert!(!text.contains(&secret), "{name}");
        }
    }
    desk.storage.release();
    call.wait().json();
}

#[test]
fn files_are_the_users_alone() {
    let desk = Desk::new(Dialect::Minio);
    desk.keys();
    let mut folders = Vec::new();
    for file in desk.files() {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
        folders.push(file.parent().unwrap().to_owned());
    }
    for folder in folders {
        let mode = fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", folder.display());
    }
}

#[test]
fn a_file_mode_is_strict_whatever_the_umask() {
    let desk = Desk::new(Dialect::Minio);
    let shell = ["sh", "-c", "umask 0; exec \"$@\"", "sh"];
    desk.get().after(shell).run().json();
    for file in desk.files() {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

#[test]
fn what_is_shown_holds_none() {
    let desk = Desk::new(Dialect::Ceph);
    desk.keys();
    let mut shown = String::new();
    for words in [
        &["status"][..],
        &["status", "-o", "json"],
        &["status", "-o", "yaml"],
        &["status", "-o", "wide"],
        &["logout", "--help"],
    ] {
        let output = desk.tool(words.iter().copied()).run();
        assert_eq!(output.code, 0, "{output}");
        shown.push_str(&output.to_string());
    }
    let whoami = desk
        .tool(["whoami", "-o", "json"])
        .words(desk.source())
        .run();
    assert_eq!(whoami.code, 0, "{whoami}");
    shown.push_str(&whoami.to_string());
    assert_without_secrets(&desk, "what is shown", &shown);
    let variables = [
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
        ("SSLKEYLOGFILE", "/dev/stderr"),
    ];
    let mut call = desk.get().words(["--no-cache"]);
    for (name, value) in variables {
        call = call.with(name, value);
    }
    let output = call.run();
    output.json();
    assert_without_secrets(&desk, "the talk", &output.stderr);
}

#[test]
fn keys_kept_in_a_keyring_need_one() {
    let desk = Desk::new(Dialect::Minio);
    let output = desk.get().words(["--cache", "keyring"]).run();
    output.failed(1);
    desk.keep("no-keyring", &output);
    // That is known before anything is asked for.
    assert!(desk.storage.issued().is_empty());
}

#[test]
fn a_screen_shows_a_profile_that_asks_for_keys_and_no_keys() {
    let desk = Desk::new(Dialect::Minio);
    let screen = |form: &str| {
        let line = [
            &[TOOL.as_str(), "get", "-o", form].map(str::to_owned)[..],
            &desk.source(),
        ];
        let line = line.concat().join(" ");
        desk.tool(["--quiet", "--return", "--command", &line, "/dev/null"])
            .instead("script")
            .with("SHELL", "/bin/sh")
            .run()
    };
    let profile = screen("aws-profile");
    assert_eq!(profile.code, 0, "{profile}");
    assert!(
        profile.stdout.contains("credential_process = "),
        "{profile}"
    );
    let keys = screen("json");
    assert_eq!(keys.code, 2, "{keys}");
    assert!(keys.stdout.contains("is a terminal"), "{keys}");
    for shown in [profile, keys] {
        assert_without_secrets(&desk, "what a screen shows", &shown.stdout);
    }
}
