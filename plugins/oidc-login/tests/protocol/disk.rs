//! A disk that is full, a home that cannot be written, no home at all.

use std::fs;

use datalab_lab::private_mounts::PrivateMounts;

use crate::desk::Desk;

/// A file system of 64 kB for the state.
fn small(desk: &Desk) -> String {
    let state = desk.path("state").display().to_string();
    format!("mount -t tmpfs -o size=64k,mode=700 tmpfs {state}")
}

fn fill(desk: &Desk) -> String {
    let file = desk.path("state/fill").display().to_string();
    format!("dd if=/dev/zero of={file} bs=4k 2>/dev/null || true")
}

#[test]
fn a_full_disk_is_known_before_the_refresh_and_costs_nothing() {
    let test = "a_full_disk_is_known_before_the_refresh_and_costs_nothing";
    let desk = Desk::new();
    let Some(mounts) = PrivateMounts::new(test, &small(&desk)) else {
        return;
    };
    let token = desk.get_token().after(mounts.enter()).run().token();
    mounts.run(&fill(&desk));
    desk.provider.forget_requests();
    let refresh = || {
        desk.verb("refresh")
            .words(["--now"])
            .after(mounts.enter())
            .run()
    };
    let output = refresh();
    output.failed(1);
    desk.keep("full-disk-at-refresh", &output);
    assert_eq!(
        desk.provider.requests().len(),
        0,
        "the token was not used up"
    );
    assert_eq!(desk.get_token().after(mounts.enter()).run().token(), token);
    mounts.run(&format!("rm {}", desk.path("state/fill").display()));
    let output = refresh();
    assert_eq!(output.code, 0, "{output}");
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn a_full_disk_at_login_is_named_before_a_browser_is_opened() {
    let test = "a_full_disk_at_login_is_named_before_a_browser_is_opened";
    let desk = Desk::new();
    let script = format!("{}\n{}", small(&desk), fill(&desk));
    let Some(mounts) = PrivateMounts::new(test, &script) else {
        return;
    };
    let output = desk.get_token().after(mounts.enter()).run();
    output.failed(1);
    desk.keep("full-disk-at-login", &output);
    assert_eq!(desk.pages().asked(), Vec::<String>::new());
}

#[test]
fn a_full_disk_for_replies_slows_down_and_no_more() {
    let test = "a_full_disk_for_replies_slows_down_and_no_more";
    let desk = Desk::new();
    let (run, cache) = (desk.path("run"), desk.path("cache"));
    let script = [run, cache]
        .map(|folder| {
            let folder = folder.display();
            format!(
                "mount -t tmpfs -o size=4k,mode=700 tmpfs {folder}; dd if=/dev/zero of={folder}/fill bs=4k 2>/dev/null || true"
            )
        })
        .join("\n");
    let Some(mounts) = PrivateMounts::new(test, &script) else {
        return;
    };
    let token = desk.get_token().after(mounts.enter()).run().token();
    assert_eq!(desk.get_token().after(mounts.enter()).run().token(), token);
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn a_home_that_cannot_be_written_is_named() {
    let test = "a_home_that_cannot_be_written_is_named";
    let desk = Desk::new();
    let folder = desk.path("");
    let folder = folder.display().to_string();
    let folder = folder.trim_end_matches('/');
    // The browser's notes are the test's, not the home's.
    let pages = desk.path("pages");
    fs::write(&pages, "").unwrap();
    let script = ["home", "config", "state", "cache", "run"]
        .map(|name| format!("mount --bind {folder}/{name} {folder}/{name}; mount -o remount,ro,bind {folder}/{name}"))
        .join("\n");
    let Some(mounts) = PrivateMounts::new(test, &script) else {
        return;
    };
    let output = desk.get_token().after(mounts.enter()).run();
    output.failed(1);
    desk.keep("home-read-only", &output);
    assert_eq!(desk.pages().asked(), Vec::<String>::new());
}

#[test]
fn a_session_that_can_be_read_but_not_written_serves_as_long_as_it_can() {
    let test = "a_session_that_can_be_read_but_not_written_serves_as_long_as_it_can";
    let desk = Desk::new();
    let token = desk.log_in().token();
    desk.forget_replies();
    let folder = desk.path("state").display().to_string();
    let script = format!("mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}");
    let Some(mounts) = PrivateMounts::new(test, &script) else {
        return;
    };
    assert_eq!(desk.get_token().after(mounts.enter()).run().token(), token);
    desk.provider.forget_requests();
    let refresh = desk
        .verb("refresh")
        .words(["--now"])
        .after(mounts.enter())
        .run();
    refresh.failed(1);
    assert_eq!(
        desk.provider.requests().len(),
        0,
        "the token was not used up"
    );
}

#[test]
fn no_home_at_all_is_named() {
    let desk = Desk::new();
    let mut call = desk.get_token();
    for name in [
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
        "XDG_RUNTIME_DIR",
    ] {
        call = call.without(name);
    }
    let output = call.run();
    output.failed(2);
    desk.keep("home-none", &output);
    assert_eq!(desk.provider.requests().len(), 0);
}

#[test]
fn a_home_alone_is_enough() {
    let desk = Desk::new();
    let home = desk.path("home");
    fs::rename(desk.path("config"), home.join(".config")).unwrap();
    let call = || {
        let mut call = desk.get_token();
        for name in [
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "XDG_CACHE_HOME",
            "XDG_RUNTIME_DIR",
        ] {
            call = call.without(name);
        }
        call
    };
    let token = call().run().token();
    assert!(
        home.join(".local/state/kubectl-datalab/oidc-login")
            .is_dir()
    );
    assert!(
        home.join(".cache/kubectl-datalab/oidc-login/replies")
            .is_dir()
    );
    desk.provider.forget_requests();
    assert_eq!(call().run().token(), token);
    assert_eq!(desk.provider.requests().len(), 0);
    // And relative or empty ones are none, as XDG has it.
    let relative = desk
        .get_token()
        .with("XDG_STATE_HOME", "relative")
        .with("XDG_CACHE_HOME", "");
    relative
        .without("XDG_CONFIG_HOME")
        .without("XDG_RUNTIME_DIR")
        .run()
        .token();
    assert_eq!(desk.provider.logins(), 1);
}
