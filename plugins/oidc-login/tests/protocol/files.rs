//! Files that somebody else could have written, or can read.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use nix::unistd::{Uid, mkfifo};

use crate::desk::Desk;

/// Nobody, on Debian.
const NOBODY: u32 = 65534;

/// A way to make a file unsafe, and what undoes it.
struct Trick {
    name: &'static str,
    play: fn(&Path),
}

const TRICKS: [Trick; 8] = [
    Trick {
        name: "readable by all",
        play: |file| mode(file, 0o644),
    },
    Trick {
        name: "writable by the group",
        play: |file| mode(file, 0o620),
    },
    Trick {
        name: "somebody else's",
        play: |file| std::os::unix::fs::chown(file, Some(NOBODY), None).unwrap(),
    },
    Trick {
        name: "a symbolic link",
        play: |file| {
            let elsewhere = file.with_file_name("elsewhere");
            fs::rename(file, &elsewhere).unwrap();
            symlink(&elsewhere, file).unwrap();
        },
    },
    Trick {
        name: "a hard link",
        play: |file| fs::hard_link(file, file.with_file_name("second-name")).unwrap(),
    },
    Trick {
        name: "a pipe",
        play: |file| {
            fs::remove_file(file).unwrap();
            mkfifo(file, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        },
    },
    Trick {
        name: "a folder",
        play: |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        },
    },
    Trick {
        name: "without end",
        play: |file| {
            let length = 64 << 20;
            fs::OpenOptions::new()
                .write(true)
                .open(file)
                .unwrap()
                .set_len(length)
                .unwrap();
        },
    },
];

fn mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

/// Chown is root's, and so is CI.
fn tricks(test: &str) -> Vec<&'static Trick> {
    let root = Uid::effective().is_root();
    if !root {
        datalab_lab::skip(&format!("{test}, files of others"), "root");
    }
    let possible = |trick: &&Trick| root || trick.name != "somebody else's";
    TRICKS.iter().filter(possible).collect()
}

#[test]
fn everything_is_ours_alone() {
    let desk = Desk::new();
    desk.log_in();
    let files = desk.files();
    assert!(files.len() >= 3, "{files:#?}");
    for file in files {
        let metadata = fs::symlink_metadata(&file).unwrap();
        assert_eq!(metadata.mode() & 0o7777, 0o600, "{}", file.display());
        let mut folder = file.parent().unwrap();
        while folder.file_name().unwrap() != "kubectl-datalab" {
            let metadata = fs::symlink_metadata(folder).unwrap();
            assert_eq!(metadata.mode() & 0o7777, 0o700, "{}", folder.display());
            folder = folder.parent().unwrap();
        }
    }
    // Also of who is careless by habit.
    let desk = Desk::new();
    let careless = desk
        .get_token()
        .after(["sh", "-c", "umask 0; exec \"$@\"", "sh"]);
    careless.run().token();
    for file in desk.files() {
        assert_eq!(
            fs::metadata(&file).unwrap().mode() & 0o077,
            0,
            "{}",
            file.display()
        );
    }
}

#[test]
fn a_reply_that_is_not_safe_is_not_served_and_made_anew() {
    for trick in tricks("a_reply_that_is_not_safe_is_not_served_and_made_anew") {
        let desk = Desk::new();
        let token = desk.log_in().token();
        let reply = desk.file("replies");
        // What somebody wants kubectl to send.
        let planted = "x".repeat(token.len());
        let mut content = fs::read(&reply).unwrap();
        let place = content.len() - token.len() - 4;
        let place = (0..=place).rfind(|at| content[*at..].starts_with(token.as_bytes()));
        content[place.unwrap()..][..token.len()].copy_from_slice(planted.as_bytes());
        desk.write_private(&reply, &content);
        assert_eq!(
            desk.get_token().run().token(),
            planted,
            "the trick's counterpart"
        );
        (trick.play)(&reply);
        let output = desk.get_token().run();
        assert_eq!(output.token(), token, "{}", trick.name);
        assert_eq!(desk.provider.logins(), 1, "{}", trick.name);
    }
}

#[test]
fn a_reply_that_is_not_ours_to_read_is_made_anew() {
    for text in [
        "",
        "{}",
        "\0\0\0\0",
        "datalab/v999\n9999999999\n{\"kind\":\"ExecCredential\"}",
    ] {
        let desk = Desk::new();
        let token = desk.log_in().token();
        desk.write_private(&desk.file("replies"), text.as_bytes());
        assert_eq!(desk.get_token().run().token(), token, "{text:?}");
        assert_eq!(desk.provider.logins(), 1);
    }
}

#[test]
fn a_session_or_key_that_is_not_safe_is_named_and_not_used() {
    let mut told = String::new();
    for name in ["session.json", "key"] {
        for trick in tricks("a_session_or_key_that_is_not_safe_is_named_and_not_used") {
            let desk = Desk::new();
            desk.log_in();
            let file = desk.file(name);
            (trick.play)(&file);
            desk.forget_replies();
            desk.provider.forget_requests();
            let output = desk.verb("refresh").words(["--now"]).run();
            assert_ne!(output.code, 0, "{name} {}: {output}", trick.name);
            assert!(
                output.stderr.contains(name),
                "{name} {}: {output}",
                trick.name
            );
            assert_eq!(desk.provider.requests().len(), 0, "{name} {}", trick.name);
            assert_eq!(desk.pages().asked().len(), 1);
            told.push_str(&format!("# {name}, {}\n{}\n", trick.name, output.stderr));
        }
    }
    Desk::new().keep_text("unsafe-session-or-key", &told);
}

#[test]
fn a_folder_that_is_not_safe_is_named_and_not_used() {
    let mut told = String::new();
    for trick in tricks("a_folder_that_is_not_safe_is_named_and_not_used") {
        if ["a hard link", "a pipe", "a folder", "without end"].contains(&trick.name) {
            continue;
        }
        let desk = Desk::new();
        desk.log_in();
        let session = desk.file("session.json");
        let folder = session.parent().unwrap();
        (trick.play)(folder);
        desk.forget_replies();
        let output = desk.verb("refresh").words(["--now"]).run();
        assert_ne!(output.code, 0, "{}: {output}", trick.name);
        assert_eq!(desk.provider.logins(), 1);
        told.push_str(&format!("# {}\n{}\n", trick.name, output.stderr));
    }
    Desk::new().keep_text("unsafe-folder", &told);
}

#[test]
fn a_session_of_another_version_or_torn_is_not_a_crash() {
    for text in [
        "",
        "{",
        "{}",
        "{\"apiVersion\":\"datalab/v999\",\"kind\":\"Session\"}",
        "[]",
    ] {
        let desk = Desk::new();
        desk.log_in();
        desk.write_private(&desk.file("session.json"), text.as_bytes());
        desk.forget_replies();
        // It is a session no more: one login, and all is well again.
        let output = desk.get_token().run();
        if output.code != 0 {
            let login = desk.verb("login").run();
            assert_eq!(login.code, 0, "{text:?}: {output}\n{login}");
        }
        assert_eq!(desk.provider.logins(), 2, "{text:?}: {output}");
        desk.get_token().run().token();
    }
}

#[test]
fn a_key_that_is_lost_costs_one_login() {
    let desk = Desk::new();
    desk.log_in();
    fs::remove_file(desk.file("key")).unwrap();
    desk.forget_replies();
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    desk.keep_text("key-lost", &refresh.stderr);
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    assert_eq!(desk.provider.logins(), 2);
}

#[test]
fn a_sealed_session_opens_at_its_own_place_only() {
    let desk = Desk::new();
    let user = |name: &str| datalab_lab::identity_provider::User::new(name, &[]);
    desk.get_token().words(["--account", "alice"]).run().token();
    desk.provider.set(|settings| settings.user = user("bob"));
    desk.get_token().words(["--account", "bob"]).run().token();
    let mut files = desk.files();
    files.retain(|file| file.ends_with("session.json"));
    assert_eq!(files.len(), 2);
    // bob's sealed token under alice's name.
    fs::copy(&files[1], &files[0]).unwrap();
    desk.forget_replies();
    for account in ["alice", "bob"] {
        let call = desk.verb("refresh").words(["--now", "--account", account]);
        let refresh = call.run();
        let fits = fs::read_to_string(&files[0]).unwrap().contains(account);
        assert_eq!(
            refresh.code,
            if fits { 0 } else { 1 },
            "{account}: {refresh}"
        );
    }
    assert_eq!(desk.provider.logins(), 2);
}
