//! A full disk, a home that cannot be written, kills while writing.

use std::collections::BTreeMap;
use std::fs;

use datalab_lab::desk::has_strace;
use datalab_lab::object_storage::{Dialect, Endpoint};
use datalab_lab::private_mounts::PrivateMounts;

use crate::desk::{Desk, keep};

#[test]
fn a_full_disk_costs_the_next_call_only() {
    let desk = Desk::new(Dialect::Minio);
    let cache = desk.path("cache").display().to_string();
    let test = "a full disk costs the next call only";
    let script = format!("mount -t tmpfs -o size=64k,mode=700 tmpfs {cache}");
    let Some(mounts) = PrivateMounts::new(test, &script) else {
        return;
    };
    mounts.run(&format!(
        "dd if=/dev/zero of={cache}/fill bs=4k 2>/dev/null || true"
    ));
    let get = || {
        desk.forget_answers();
        desk.get().after(mounts.enter()).run()
    };
    let output = get();
    let issued = desk.storage.issued().pop().unwrap();
    assert_eq!(
        output.json()["accessKeyId"].as_str(),
        Some(&*issued.access_key_id)
    );
    let mut shown = output;
    shown.stdout.clear();
    keep("full-disk", &shown.to_string());
    get().json();
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 2);
    // With room again they are kept.
    mounts.run(&format!("rm {cache}/fill"));
    let third = get().json();
    assert_eq!(get().json(), third);
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 3);
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn a_home_that_cannot_be_written_is_no_reason_to_give_no_keys() {
    let desk = Desk::new(Dialect::Ceph);
    let test = "a home that cannot be written is no reason to give no keys";
    let token = desk.provider.mint("kubernetes", &["minio"]).unwrap();
    let script = ["cache", "state", "home", "run", "tmp"].map(|name| {
        let folder = desk.path(name).display().to_string();
        format!("mount --bind -o ro {folder} {folder}")
    });
    let Some(mounts) = PrivateMounts::new(test, &script.join("; ")) else {
        return;
    };
    let get = || {
        let call = desk.get().words(["--token", "-"]).reading(&token);
        call.after(mounts.enter()).run()
    };
    let output = get();
    output.json();
    get().json();
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 2);
    let mut shown = output;
    shown.stdout.clear();
    keep("read-only-home", &shown.to_string());
}

/// What changes files; between two of these nothing can be lost.
const STEPS: [&str; 8] = [
    "openat",
    "write",
    "fsync",
    "renameat2",
    "rename",
    "unlink",
    "mkdir",
    "flock",
];

/// How often each of them is looked at: an exchange makes a few of each.
const MOST: usize = 12;

#[test]
fn killed_at_any_step_the_next_call_has_keys() {
    let test = "killed at any step the next call has keys";
    if !has_strace(test) {
        return;
    }
    let desk = Desk::new(Dialect::Minio);
    desk.keys();
    let mut killed = BTreeMap::new();
    for step in STEPS {
        // Opening, locking and reading come first; the last ones are those that write keys.
        for nth in 1..=MOST {
            let name = format!("{step}{nth}").replace("at2", "");
            let inject = format!("inject={step}:signal=KILL:when={nth}");
            let trace = format!("trace={step}");
            let before = [
                "strace",
                "-f",
                "-o",
                "/dev/null",
                "-e",
                &trace,
                "-e",
                &inject,
            ];
            let words = ["--session-name", name.as_str()];
            let output = desk.get().words(words).after(before).run();
            let was_killed = output.code == 128 + 9;
            *killed.entry(step).or_insert(0) += usize::from(was_killed);
            // Whatever lies there, the next call has keys, and the one after it has the same.
            let next = desk.get().words(words).run().json();
            desk.forget_answers();
            let again = desk.get().words(words).run().json();
            assert_eq!(next, again, "{step} {nth}");
            if !was_killed {
                break;
            }
        }
    }
    let all: usize = killed.values().sum();
    assert!(all >= 10 && killed["write"] > 0, "{killed:?}");
    assert_eq!(desk.provider.logins(), 1, "{killed:?}");
    // Nothing half written survives a logout.
    let logout = desk.tool(["logout", "--all"]).run();
    assert_eq!(logout.code, 0, "{logout}");
    let secrets = desk.storage.secrets();
    for file in desk.files() {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        let found = secrets.iter().any(|secret| text.contains(secret));
        assert!(!found, "{}", file.display());
    }
}

#[test]
fn files_that_are_damaged_are_made_anew() {
    let desk = Desk::new(Dialect::Minio);
    let first = desk.keys();
    for content in ["", "{", "null", "\0\0\0\0"] {
        for file in desk.files() {
            if file.starts_with(desk.path("cache")) {
                desk.write_private(&file, content.as_bytes());
            }
        }
        desk.forget_answers();
        let next = desk.keys();
        assert_ne!(next, first);
        assert_eq!(desk.keys(), next, "{content:?}");
    }
    let broken = fs::metadata(desk.path("cache")).unwrap();
    assert!(broken.is_dir());
}
