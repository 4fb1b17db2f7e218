//! A disk that is full, and a home that cannot be written.

use std::process::Command;

use datalab_lab::private_mounts::PrivateMounts;

use crate::Home;

/// What is there before, as printf takes it.
const MINE: &str = r"# mine\n[profile mine]\nregion = eu\n";

/// Makes what is there before.
fn prepare(home: &str) -> String {
    format!(
        "mkdir {home}/.aws\n\
         printf '{MINE}' > {home}/.aws/config\n\
         printf 'AWS_ACCESS_KEY_ID=A\\nAWS_SECRET_ACCESS_KEY=B\\n' > {home}/keys"
    )
}

/// Looks at what is said where nothing can be written, and at what is there afterwards.
fn refused(mounts: &PrivateMounts, home: &Home, problem: &str) {
    let enter = mounts.enter();
    let configure = home.configure(&["aws", "--name", "lab"]);
    let output = Command::new(&enter[0])
        .args(&enter[1..])
        .arg(configure.get_program())
        .args(configure.get_args())
        .env_clear()
        .env("HOME", home.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(problem), "{said}");
    assert!(said.contains("nothing was changed\ntry: "), "{said}");
    let folder = home.path(".aws").display().to_string();
    mounts.run(&format!("printf '{MINE}' | cmp - {folder}/config"));
    mounts.run(&format!("test \"$(ls -A {folder})\" = config"));
}

#[test]
fn a_full_disk_changes_nothing() {
    let home = Home::new();
    let path = home.path("").display().to_string();
    let script = format!(
        "mount -t tmpfs -o size=64k,mode=700 tmpfs {path}\n{}\n\
         head -c 1m /dev/zero > {path}/filling 2>/dev/null || true",
        prepare(&path)
    );
    if let Some(mounts) = PrivateMounts::new("a full disk changes nothing", &script) {
        refused(&mounts, &home, "No space left");
    }
}

#[test]
fn a_home_that_is_read_only_changes_nothing() {
    let home = Home::new();
    let path = home.path("").display().to_string();
    let script = format!(
        "{}\nmount --bind {path} {path}\nmount -o remount,bind,ro {path}",
        prepare(&path)
    );
    let test = "a home that is read-only changes nothing";
    if let Some(mounts) = PrivateMounts::new(test, &script) {
        refused(&mounts, &home, "Read-only file system");
    }
}
