//! A disk that is full, a folder that cannot be written.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nix::unistd::Uid;

use crate::{append, names, write};

/// Names the folder, for the process that runs on a disk of its own.
const VARIABLE: &str = "FOREIGN_FILE_DISK";

/// Runs one of the tests below where this is mounted on a folder.
fn on(test: &str, inside: &str, mount: &str) {
    if !Uid::effective().is_root() {
        return datalab_lab::skip(test, "root");
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-ec"])
        .arg(format!(
            "{mount}\nexec \"$TEST\" --exact {inside} --nocapture"
        ))
        .env("TEST", env::current_exe().unwrap())
        .env(VARIABLE, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{said}"
    );
}

fn folder() -> Option<PathBuf> {
    env::var_os(VARIABLE).map(PathBuf::from)
}

#[test]
fn a_full_disk_changes_nothing() {
    on(
        "a full disk changes nothing",
        "disk::full",
        "mount -t tmpfs -o size=32k,mode=700 tmpfs \"$FOREIGN_FILE_DISK\"",
    );
}

#[test]
fn full() {
    let Some(folder) = folder() else { return };
    let path = folder.join("config");
    fs::write(&path, "one\n").unwrap();
    // Too long for the disk by itself, then a disk without a byte left.
    for (filling, line) in [(0, 40 << 10), (24 << 10, 2)] {
        fs::write(folder.join("filling"), vec![0; filling]).unwrap();
        let failure = append(&path, &"x".repeat(line)).unwrap_err();
        assert_eq!(failure.kind().exit_code(), 1);
        let said = failure.to_string();
        assert!(said.contains("No space left"), "{said}");
        assert!(said.contains("nothing was changed\ntry: df -h"), "{said}");
        assert_eq!(fs::read(&path).unwrap(), b"one\n");
        let names = names(&folder);
        assert!(
            !names.iter().any(|name| name.contains("unfinished")),
            "{names:?}"
        );
    }
    fs::remove_file(folder.join("filling")).unwrap();
    append(&path, "two\n").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
}

#[test]
fn a_folder_that_is_read_only_changes_nothing() {
    on(
        "a folder that is read-only changes nothing",
        "disk::read_only",
        "printf 'one\\n' > \"$FOREIGN_FILE_DISK/config\"\n\
         mount --bind \"$FOREIGN_FILE_DISK\" \"$FOREIGN_FILE_DISK\"\n\
         mount -o remount,bind,ro \"$FOREIGN_FILE_DISK\"",
    );
}

#[test]
fn read_only() {
    let Some(folder) = folder() else { return };
    let path = folder.join("config");
    let said = append(&path, "two\n").unwrap_err().to_string();
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.contains("nothing was changed\ntry: ls -ld"), "{said}");
    assert_eq!(names(&folder), ["config"]);
    // What needs no change needs no folder either.
    write(&path, b"one\n");
    let said = append(&folder.join("new/config"), "x")
        .unwrap_err()
        .to_string();
    assert!(said.contains("cannot make"), "{said}");
}
