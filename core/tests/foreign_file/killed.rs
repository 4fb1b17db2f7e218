//! kill -9 during an edit.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use crate::{append, names, scene, write};

/// Names the file, for the process that is killed.
const VARIABLE: &str = "FOREIGN_FILE_TO_EDIT";

/// How often it is killed.
const KILLS: u32 = 40;

/// Long enough that most of an edit is writing.
const LENGTH: usize = 1 << 20;

fn content(letter: u8) -> Vec<u8> {
    vec![letter; LENGTH]
}

/// What is killed: it edits for as long as it lives. Without the variable there is nothing to do.
#[test]
fn edits_until_it_is_killed() {
    let Ok(path) = env::var(VARIABLE) else { return };
    loop {
        write(Path::new(&path), &content(b'a'));
        write(Path::new(&path), &content(b'b'));
    }
}

#[test]
fn a_killed_edit_leaves_the_old_content_or_the_new() {
    let (folder, path) = scene();
    fs::write(&path, content(b'o')).unwrap();
    // How long an edit takes on this machine, at this moment.
    let began = Instant::now();
    write(&path, &content(b'a'));
    let whole = began.elapsed();
    write(&path, &content(b'o'));
    let mut seen = Vec::new();
    for kill in 0..KILLS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "killed::edits_until_it_is_killed"])
            .env(VARIABLE, &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // From before its first edit to some edits later.
        thread::sleep(whole * kill * 3 / KILLS);
        child.kill().unwrap();
        child.wait().unwrap();
        let now = fs::read(&path).unwrap();
        assert!(
            b"oab".iter().any(|letter| now == content(*letter)),
            "{} bytes",
            now.len()
        );
        seen.push(now[0]);
        let backup = folder.path().join("config.before-kubectl-datalab");
        assert!(!backup.exists() || fs::read(backup).unwrap() == content(b'o'));
    }
    assert!(
        seen.contains(&b'a') || seen.contains(&b'b'),
        "no edit was ever finished"
    );
    // What they left is gone after the next edit.
    append(&path, "x").unwrap();
    assert_eq!(
        names(folder.path()),
        ["config", "config.before-kubectl-datalab"]
    );
}
