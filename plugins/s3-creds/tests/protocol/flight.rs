//! Many callers at once ask once.

use std::collections::BTreeSet;
use std::thread;

use datalab_lab::object_storage::{Dialect, Endpoint, Fault, What};
use nix::sys::signal::Signal;

use crate::call::Output;
use crate::desk::{Desk, PATIENCE};

/// As many as a Spark job or a notebook server starts at once.
const CALLERS: usize = 50;

fn together(desk: &Desk) -> Vec<Output> {
    let running: Vec<_> = (0..CALLERS).map(|_| desk.process().start()).collect();
    thread::scope(|scope| {
        let waits: Vec<_> = running
            .into_iter()
            .map(|call| scope.spawn(|| call.wait()))
            .collect();
        waits.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

#[track_caller]
fn keys(outputs: &[Output]) -> BTreeSet<String> {
    let keys = outputs
        .iter()
        .map(|output| output.json()["AccessKeyId"].to_string());
    keys.collect()
}

#[test]
fn fifty_callers_make_one_login_and_one_exchange() {
    let desk = Desk::new(Dialect::Minio);
    let outputs = together(&desk);
    assert_eq!(keys(&outputs).len(), 1);
    assert_eq!(desk.provider.logins(), 1);
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 1);
    // All of them at once again, now that there is something at hand.
    assert_eq!(keys(&together(&desk)), keys(&outputs));
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 1);
}

#[test]
fn fifty_callers_replace_keys_once() {
    let desk = Desk::with(Dialect::Ceph, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(2);
    });
    let first = desk.process().run().json()["AccessKeyId"].to_string();
    desk.storage
        .set(|settings| settings.lifetime_of_credentials_seconds = None);
    let last = desk.storage.issued().pop().unwrap();
    desk.until("the first keys to end", || {
        jiff::Timestamp::now().as_second() > last.expires
    });
    let next = keys(&together(&desk));
    assert!(next.len() == 1 && !next.contains(&first), "{next:?}");
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 2);
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn fifty_callers_are_refused_by_few_questions() {
    let desk = Desk::new(Dialect::Minio);
    desk.keys();
    desk.storage.set(|settings| settings.policies.clear());
    let running: Vec<_> = (0..CALLERS)
        .map(|_| desk.get().words(["--session-name", "other"]).start())
        .collect();
    let outputs: Vec<_> = running.into_iter().map(|call| call.wait()).collect();
    for output in &outputs {
        output.failed(4);
        assert!(output.stderr.contains("none of the policies"), "{output}");
    }
    // Those that began later than the first was refused have to see for themselves.
    let asked = desk.storage.count(Endpoint::AssumeRole) - 1;
    assert!(asked < CALLERS / 2, "{asked} questions");
    // What has changed is seen at once.
    desk.storage.set(|settings| {
        let all = serde_json::json!({"Statement": []});
        settings.policies.insert("stsonly".to_owned(), all);
    });
    desk.get().words(["--session-name", "other"]).run().json();
}

#[test]
fn whoever_asks_may_be_killed() {
    let desk = Desk::new(Dialect::Minio);
    let fault = Fault::at(Endpoint::AssumeRole, What::HoldBefore).times(1);
    desk.storage.arm([fault]);
    let first = desk.process().start();
    desk.storage.until_held(PATIENCE);
    let waiting: Vec<_> = (0..5).map(|_| desk.process().start()).collect();
    first.signal(Signal::SIGKILL);
    assert_eq!(first.wait().code, 128 + 9);
    let outputs: Vec<_> = waiting.into_iter().map(|call| call.wait()).collect();
    assert_eq!(keys(&outputs).len(), 1);
    assert_eq!(desk.storage.issued().len(), 1);
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn an_interrupt_ends_it_at_once() {
    let desk = Desk::new(Dialect::Minio);
    desk.keys();
    let fault = Fault::at(Endpoint::AssumeRole, What::HoldBefore).times(1);
    desk.storage.arm([fault]);
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        desk.storage
            .arm([Fault::at(Endpoint::AssumeRole, What::HoldBefore)]);
        let call = desk.get().words(["--no-cache"]).start();
        desk.storage.until_held(PATIENCE);
        call.signal(signal);
        let output = call.wait();
        output.failed(code);
        desk.storage.release();
    }
}
