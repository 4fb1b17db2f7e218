//! Others that write at the same time: in place, by renaming, and other edits of ours.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::{append, names, scene};

/// How many lines each writer writes.
const LINES: usize = 40;

/// For how long a writer has the file open before it writes: shorter than an edit waits afterwards,
/// and long enough that some edits come in between.
const OPEN: Duration = Duration::from_millis(25);

/// Between two writes: never the same, so that edits, which wait for a moment of rest, do not fall
/// into step with them.
fn pause(line: usize) {
    thread::sleep(Duration::from_millis(30 + line as u64 * 37 % 80));
}

fn lines(path: &Path, writer: &str) -> usize {
    let content = fs::read_to_string(path).unwrap();
    content
        .lines()
        .filter(|line| line.starts_with(writer))
        .count()
}

/// Edits the file as long as `other` writes to it.
fn edited_while(path: &Path, other: impl FnOnce() + Send) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            other();
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) {
            // A file that is written all the time is told so, and left alone.
            let _ = append(path, "ours\n");
        }
    });
    append(path, "ours\n").unwrap();
}

#[test]
fn lines_that_others_append_are_all_there() {
    let (folder, path) = scene();
    fs::write(&path, "first\n").unwrap();
    edited_while(&path, || {
        for line in 0..LINES {
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            // It is opened before, and written after, an edit that comes in between.
            thread::sleep(OPEN);
            writeln!(file, "other {line}").unwrap();
            drop(file);
            pause(line);
        }
    });
    assert_eq!(lines(&path, "first"), 1);
    assert_eq!(lines(&path, "other"), LINES);
    assert!(lines(&path, "ours") > 1);
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn what_others_cut_and_write_anew_is_there() {
    let (_folder, path) = scene();
    fs::write(&path, "other 0\n").unwrap();
    edited_while(&path, || {
        for count in 1..LINES {
            let all: String = (0..=count).map(|line| format!("other {line}\n")).collect();
            let mut file = OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(&path)
                .unwrap();
            thread::sleep(OPEN);
            file.write_all(all.as_bytes()).unwrap();
            drop(file);
            pause(count);
        }
    });
    assert_eq!(lines(&path, "other"), LINES);
}

#[test]
fn what_others_put_in_its_place_is_there() {
    let (folder, path) = scene();
    fs::write(&path, "other 0\n").unwrap();
    edited_while(&path, || {
        for count in 1..LINES {
            let all: String = (0..=count).map(|line| format!("other {line}\n")).collect();
            let new = folder.path().join("new");
            fs::write(&new, all).unwrap();
            fs::rename(&new, &path).unwrap();
            pause(count);
        }
    });
    assert_eq!(lines(&path, "other"), LINES);
}

#[test]
fn edits_of_ours_take_turns() {
    let (folder, path) = scene();
    thread::scope(|scope| {
        for writer in ["a", "b", "c", "d"] {
            let path = &path;
            scope.spawn(move || {
                for line in 0..5 {
                    append(path, &format!("{writer} {line}\n")).unwrap();
                }
            });
        }
    });
    for writer in ["a", "b", "c", "d"] {
        assert_eq!(lines(&path, writer), 5);
    }
    assert_eq!(names(folder.path()).len(), 2);
}
