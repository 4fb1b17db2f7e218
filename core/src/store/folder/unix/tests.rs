use std::os::unix::fs::{PermissionsExt as _, symlink};

use jiff::Timestamp;

use super::*;

fn scene() -> (tempfile::TempDir, Folder, World) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open_or_make(&place.path().join("a/b")).unwrap();
    (place, folder, World::test(Timestamp::UNIX_EPOCH, []).0)
}

fn refused(result: Result<Option<Vec<u8>>, Error>) -> &'static str {
    match result {
        Err(Error::Unsafe { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_is_ours_alone_and_whole() {
    let (_place, folder, world) = scene();
    assert_eq!(folder.read("x").unwrap(), None);
    folder.write("x", b"one", &world).unwrap();
    folder.write("x", b"two", &world).unwrap();
    assert_eq!(folder.read("x").unwrap().unwrap(), b"two");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(folder.path()), 0o700);
    assert_eq!(mode(&folder.path().join("x")), 0o600);
    assert_eq!(folder.names().unwrap(), ["x"]);
    folder.remove("x").unwrap();
    folder.remove("x").unwrap();
    assert_eq!(folder.names().unwrap(), [""; 0]);
}

#[test]
fn what_somebody_else_could_have_made_is_refused() {
    let (place, folder, world) = scene();
    folder.write("x", b"one", &world).unwrap();
    let path = folder.path().join("x");
    symlink(&path, folder.path().join("link")).unwrap();
    assert!(refused(folder.read("link")).contains("symbolic link"));
    fs::create_dir(folder.path().join("folder")).unwrap();
    assert!(refused(folder.read("folder")).contains("plain file"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(refused(folder.read("x")).contains("others"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::hard_link(&path, folder.path().join("second")).unwrap();
    assert!(refused(folder.read("x")).contains("second name"));
    fs::remove_file(folder.path().join("second")).unwrap();
    assert_eq!(folder.read("x").unwrap().unwrap(), b"one");

    symlink(folder.path(), place.path().join("elsewhere")).unwrap();
    assert!(Folder::open(&place.path().join("elsewhere")).is_err());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Folder::open(folder.path()).is_err());
}

#[test]
fn a_file_that_is_too_long_was_not_ours() {
    let (_place, folder, world) = scene();
    let longest = usize::try_from(LONGEST).unwrap();
    folder.write("x", &vec![b'x'; longest], &world).unwrap();
    assert_eq!(folder.read("x").unwrap().unwrap().len(), longest);
    folder.write("x", &vec![b'x'; longest + 1], &world).unwrap();
    assert!(matches!(folder.read("x"), Err(Error::TooLong { .. })));
}

#[test]
fn what_is_begun_and_not_finished_changes_nothing() {
    let (_place, folder, world) = scene();
    folder.write("x", b"one", &world).unwrap();
    let reserved = folder.reserve("x", 4096, &world).unwrap();
    assert_eq!(folder.all_names().unwrap().len(), 2);
    drop(reserved);
    assert_eq!(folder.all_names().unwrap(), ["x"]);
    // As a process that is killed leaves it.
    std::mem::forget(folder.reserve("x", 4096, &world).unwrap());
    assert_eq!(folder.names().unwrap(), ["x"]);
    folder.sweep().unwrap();
    assert_eq!(folder.all_names().unwrap(), ["x"]);
    folder
        .reserve("x", 4096, &world)
        .unwrap()
        .commit(b"two")
        .unwrap();
    assert_eq!(folder.read("x").unwrap().unwrap(), b"two");
}
