//! Files of other programs, which they write at the same time, on disks that fail.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod concurrent;
mod disk;
mod killed;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use datalab_core::report::Failure;
use datalab_core::store::{Change, Edited, Effect, ForeignFile};
use datalab_core::world::World;

/// Appends a line, as a plugin adds a section.
fn append(path: &Path, line: &str) -> Result<Edited, Failure> {
    ForeignFile::at(path).edit(&World::real(), |content| {
        let mut content = content.unwrap_or_default().to_vec();
        content.extend_from_slice(line.as_bytes());
        Ok(Change::Write(content))
    })
}

fn write(path: &Path, content: &[u8]) -> Edited {
    let change = |_: Option<&[u8]>| Ok(Change::Write(content.to_vec()));
    ForeignFile::at(path).edit(&World::real(), change).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn scene() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    (folder, path)
}

#[test]
fn a_file_that_was_not_there_is_made_and_removed_again() {
    let (folder, _) = scene();
    let path = folder.path().join("a/b/config");
    let edited = append(&path, "one\n").unwrap();
    assert_eq!(edited.effect, Effect::Made);
    assert_eq!(edited.backup, None);
    assert_eq!(fs::read(&path).unwrap(), b"one\n");
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let file = ForeignFile::at(&path);
    let removed = file.edit(&World::real(), |_| Ok(Change::Remove)).unwrap();
    assert_eq!(removed.effect, Effect::Removed);
    assert_eq!(file.read(&World::real()).unwrap(), None);
    assert_eq!(names(path.parent().unwrap()), [""; 0]);
    let again = file.edit(&World::real(), |_| Ok(Change::Remove)).unwrap();
    assert_eq!(again.effect, Effect::Unchanged);
}

#[test]
fn what_is_not_changed_is_not_touched() {
    let (folder, path) = scene();
    fs::write(&path, "one\n").unwrap();
    let before = fs::metadata(&path).unwrap();
    assert_eq!(write(&path, b"one\n").effect, Effect::Unchanged);
    let kept = ForeignFile::at(&path).edit(&World::real(), |_| Ok(Change::Keep));
    assert_eq!(kept.unwrap().effect, Effect::Unchanged);
    let after = fs::metadata(&path).unwrap();
    assert_eq!(
        (before.ino(), before.mtime_nsec()),
        (after.ino(), after.mtime_nsec())
    );
    assert_eq!(names(folder.path()), ["config"]);
}

#[test]
fn a_refused_edit_changes_nothing() {
    let (folder, path) = scene();
    fs::write(&path, "one\n").unwrap();
    let refused = ForeignFile::at(&path).edit(&World::real(), |_| {
        Err(Failure::new(datalab_core::report::Kind::Conflict, "no"))
    });
    assert_eq!(refused.unwrap_err().problem(), "no");
    assert_eq!(fs::read(&path).unwrap(), b"one\n");
    assert_eq!(names(folder.path()), ["config"]);
}

#[test]
fn the_first_edit_keeps_what_was_there_until_it_is_there_again() {
    let (folder, path) = scene();
    fs::write(&path, "\u{feff}one\r\ntwo").unwrap();
    let backup = folder.path().join("config.before-kubectl-datalab");
    let edited = append(&path, "\r\nthree").unwrap();
    assert_eq!(edited.backup.as_ref(), Some(&backup));
    append(&path, "\r\nfour").unwrap();
    assert_eq!(fs::read(&backup).unwrap(), "\u{feff}one\r\ntwo".as_bytes());
    assert_eq!(mode(&backup), 0o600);
    assert_eq!(
        ForeignFile::at(&path).read_backup().unwrap(),
        fs::read(&backup).ok()
    );
    write(&path, "\u{feff}one\r\ntwo".as_bytes());
    assert_eq!(names(folder.path()), ["config"]);
}

#[test]
fn a_file_of_ours_is_not_kept_as_it_was() {
    let (folder, path) = scene();
    append(&path, "ours\n").unwrap();
    let change = |_: Option<&[u8]>| Ok(Change::Update(b"ours again\n".to_vec()));
    let edited = ForeignFile::at(&path).edit(&World::real(), change).unwrap();
    assert_eq!((edited.effect, edited.backup), (Effect::Rewritten, None));
    assert_eq!(names(folder.path()), ["config"]);
}

#[test]
fn a_mode_is_kept_where_it_is_stricter() {
    for (before, after) in [(0o644, 0o600), (0o660, 0o600), (0o400, 0o400)] {
        let (_folder, path) = scene();
        fs::write(&path, "one\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
        append(&path, "two\n").unwrap();
        assert_eq!(mode(&path), after);
    }
}

#[test]
fn an_owner_is_kept() {
    let (_folder, path) = scene();
    fs::write(&path, "one\n").unwrap();
    // Only root may give files away; for others there is nothing to keep.
    if std::os::unix::fs::chown(&path, Some(65534), Some(65534)).is_err() {
        return datalab_lab::skip("an owner is kept", "root");
    }
    append(&path, "two\n").unwrap();
    let about = fs::metadata(&path).unwrap();
    assert_eq!((about.uid(), about.gid()), (65534, 65534));
}

#[test]
fn links_are_followed_and_stay_links() {
    let (folder, path) = scene();
    let dotfiles = folder.path().join("dotfiles");
    fs::create_dir(&dotfiles).unwrap();
    fs::write(dotfiles.join("real"), "one\n").unwrap();
    symlink("dotfiles/real", &path).unwrap();
    let edited = append(&path, "two\n").unwrap();
    assert_eq!(
        edited.file,
        fs::canonicalize(dotfiles.join("real")).unwrap()
    );
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("dotfiles/real"));
    assert_eq!(fs::read(dotfiles.join("real")).unwrap(), b"one\ntwo\n");
    // What is left behind lies beside the file, not beside the link.
    assert_eq!(names(folder.path()), ["config", "dotfiles"]);
    let empty = folder.path().join("empty");
    symlink("dotfiles/later", &empty).unwrap();
    assert_eq!(append(&empty, "one\n").unwrap().effect, Effect::Made);
    assert_eq!(fs::read(dotfiles.join("later")).unwrap(), b"one\n");
}

#[test]
fn a_pipe_that_takes_the_place_meanwhile_is_not_waited_for() {
    let (folder, path) = scene();
    fs::write(&path, "one\n").unwrap();
    let (sender, edited) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut asked = 0;
        let edit = |content: Option<&[u8]>| {
            asked += 1;
            // Asked for the second time it has the lock: what is made now is put in the place.
            if asked == 2 {
                fs::remove_file(&path).unwrap();
                nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
            }
            Ok(Change::Update([content.unwrap(), b"two\n"].concat()))
        };
        sender.send(ForeignFile::at(&path).edit(&World::real(), edit))
    });
    let edited = edited.recv_timeout(std::time::Duration::from_secs(30));
    let said = edited.expect("because nothing is waited for").unwrap_err();
    let said = said.to_string();
    assert!(said.contains("it is not a plain file"), "{said}");
    assert_eq!(names(folder.path()), ["config"]);
}

#[test]
fn what_is_no_file_of_ones_own_is_refused() {
    let (folder, path) = scene();
    fs::create_dir(&path).unwrap();
    let said = append(&path, "x").unwrap_err().to_string();
    assert!(said.contains("it is not a plain file"), "{said}");
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
    let said = append(&pipe, "x").unwrap_err().to_string();
    assert!(said.contains("it is not a plain file"), "{said}");
    let twice = folder.path().join("twice");
    fs::write(&twice, "one").unwrap();
    fs::hard_link(&twice, folder.path().join("second")).unwrap();
    let said = append(&twice, "x").unwrap_err().to_string();
    assert!(said.contains("hard link"), "{said}");
    assert!(said.contains("nothing was changed"), "{said}");
}
