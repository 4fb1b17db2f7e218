//! What a warm call touches.

use std::fs;

use crate::desk::Desk;
use datalab_lab::desk::has_strace;

#[test]
fn a_warm_call_opens_one_file_starts_no_thread_and_writes_once() {
    if !has_strace("a_warm_call_opens_one_file_starts_no_thread_and_writes_once") {
        return;
    }
    let desk = Desk::new();
    let token = desk.log_in().token();
    let log = desk.path("warm");
    let path = log.display().to_string();
    let call = desk
        .get_token()
        .after(["strace", "-qq", "-f", "-s", "100", "-o", &path]);
    assert_eq!(call.run().token(), token);
    let trace = fs::read_to_string(log).unwrap();
    let called = |name: &str| {
        let start = format!("{name}(");
        let lines = trace
            .lines()
            .filter_map(|line| line.split_once(char::is_whitespace));
        let calls = lines.map(|(_, call)| call.trim().to_owned());
        calls
            .filter(|call| call.starts_with(&start))
            .collect::<Vec<_>>()
    };
    for name in [
        "clone",
        "clone3",
        "fork",
        "vfork",
        "socket",
        "connect",
        "flock",
        "mkdir",
        "mkdirat",
        "rename",
        "renameat",
        "renameat2",
        "unlink",
        "unlinkat",
        "fsync",
        "epoll_create1",
        "eventfd2",
    ] {
        assert_eq!(called(name), Vec::<String>::new(), "{trace}");
    }
    let mut opened = [called("open"), called("openat")].concat();
    // The dynamic loader's own, which the static build has not.
    opened.retain(|call| !call.contains("/etc/ld.so") && !call.contains(".so"));
    let ours = desk.path("").display().to_string();
    let (mine, others): (Vec<_>, Vec<_>) =
        opened.into_iter().partition(|call| call.contains(&ours));
    let foreign: Vec<_> = others
        .into_iter()
        // The standard library reads where its stack ends.
        .filter(|call| !call.contains("/proc/self/maps") && !call.contains("/sys/"))
        .filter(|call| !call.contains("/replies"))
        .collect();
    assert_eq!(foreign, Vec::<String>::new(), "{trace}");
    assert!(mine.len() <= 2, "{mine:#?}");
    assert!(
        mine.iter().all(|call| call.contains("replies")),
        "{mine:#?}"
    );
    assert_eq!(called("write").len(), 1, "{trace}");
}
