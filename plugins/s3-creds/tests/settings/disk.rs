//! A disk that is full, and a home that cannot be written.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nix::unistd::Uid;

use crate::configure;

/// Names the home, for the process that runs on a disk of its own.
const VARIABLE: &str = "SETTINGS_HOME";

const MINE: &str = "# mine\n[profile mine]\nregion = eu\n";

/// Runs one of the tests below where this is mounted on a home.
fn on(test: &str, inside: &str, mount: &str) {
    if !Uid::effective().is_root() {
        return datalab_lab::skip(test, "root");
    }
    let home = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-ec"])
        .arg(format!(
            "{mount}\nexec \"$TEST\" --exact {inside} --nocapture"
        ))
        .env("TEST", env::current_exe().unwrap())
        .env(VARIABLE, home.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{said}"
    );
}

/// Looks at what is said where nothing can be written.
fn refused(problem: &str) {
    let Some(home) = env::var_os(VARIABLE).map(PathBuf::from) else {
        return;
    };
    let output = configure(&home, &["aws", "--name", "lab"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(problem), "{said}");
    assert!(said.contains("nothing was changed\ntry: "), "{said}");
    let config = fs::read_to_string(home.join(".aws/config")).unwrap();
    assert_eq!(config, MINE);
    let names = fs::read_dir(home.join(".aws")).unwrap().count();
    assert_eq!(names, 1);
}

const PREPARE: &str = "mkdir \"$SETTINGS_HOME/.aws\"\n\
    printf '# mine\\n[profile mine]\\nregion = eu\\n' > \"$SETTINGS_HOME/.aws/config\"\n\
    printf 'AWS_ACCESS_KEY_ID=A\\nAWS_SECRET_ACCESS_KEY=B\\n' > \"$SETTINGS_HOME/keys\"";

#[test]
fn a_full_disk_changes_nothing() {
    let mount = format!(
        "mount -t tmpfs -o size=64k,mode=700 tmpfs \"$SETTINGS_HOME\"\n{PREPARE}\n\
         head -c 1m /dev/zero > \"$SETTINGS_HOME/filling\" 2>/dev/null || true"
    );
    on("a full disk changes nothing", "disk::full", &mount);
}

#[test]
fn full() {
    refused("No space left");
}

#[test]
fn a_home_that_is_read_only_changes_nothing() {
    let mount = format!(
        "{PREPARE}\nmount --bind \"$SETTINGS_HOME\" \"$SETTINGS_HOME\"\n\
         mount -o remount,bind,ro \"$SETTINGS_HOME\""
    );
    on(
        "a home that is read-only changes nothing",
        "disk::read_only",
        &mount,
    );
}

#[test]
fn read_only() {
    refused("Read-only file system");
}
