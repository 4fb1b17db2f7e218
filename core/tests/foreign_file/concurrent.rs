//! Others that write at the same time: in place, by renaming, and other edits of ours.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use datalab_core::report::{Failure, Kind};
use datalab_core::store::{Change, Edited, ForeignFile};
use datalab_core::world::World;

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

/// An edit, and what somebody does with the old file, opened before it, and with the new one, while
/// the edit waits whether that happens.
fn split(
    path: &Path,
    old: impl FnOnce(fs::File) + Send + 'static,
    new: impl FnOnce() + Send + 'static,
) -> Result<Edited, Failure> {
    let mut others = Some((old, new));
    let (mut calls, mut threads) = (0, Vec::new());
    let edited = ForeignFile::at(path).edit(&World::real(), |content| {
        calls += 1;
        // The first look is without the lock.
        if calls == 2
            && let Some((old, new)) = others.take()
        {
            let file = OpenOptions::new().append(true).open(path).unwrap();
            let inode = file.metadata().unwrap().ino();
            let path = path.to_owned();
            threads.push(thread::spawn(move || {
                while fs::metadata(&path).unwrap().ino() == inode {
                    thread::yield_now();
                }
                old(file);
                new();
            }));
        }
        Ok(Change::Write([content.unwrap(), b"ours\n"].concat()))
    });
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    edited
}

#[test]
fn what_is_written_into_the_old_file_is_in_the_new_one() {
    let (folder, path) = scene();
    fs::write(&path, "first\n").unwrap();
    let old = |mut file: fs::File| file.write_all(b"old\n").unwrap();
    split(&path, old, || {}).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "first\nold\nours\n");
    // Into both, at the end of each.
    let new = path.clone();
    let new = move || {
        let mut file = OpenOptions::new().append(true).open(new).unwrap();
        file.write_all(b"new\n").unwrap();
    };
    fs::write(&path, "first\n").unwrap();
    split(&path, old, new).unwrap();
    let content = fs::read_to_string(&path).unwrap();
    assert!(content.starts_with("first\nours\nnew\nold\n"), "{content}");
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn what_cannot_be_brought_together_is_saved() {
    let (_folder, path) = scene();
    fs::write(&path, "first\n").unwrap();
    let old = |mut file: fs::File| {
        file.set_len(0).unwrap();
        file.write_all(b"old\n").unwrap();
    };
    let new = path.clone();
    let failure = split(&path, old, move || fs::write(new, "new\n").unwrap()).unwrap_err();
    let said = failure.to_string();
    let saved = format!("{}.written-meanwhile", path.display());
    assert_eq!(failure.kind(), Kind::Conflict);
    assert!(
        said.contains(&format!("lies in {saved}\ntry: diff ")),
        "{said}"
    );
    assert_eq!(fs::read_to_string(saved).unwrap(), "old\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
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
