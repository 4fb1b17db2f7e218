//! Killed at every step of a refresh: the session survives, or there is one clear login; never a loop.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use datalab_lab::desk::has_strace;
use datalab_lab::identity_provider::{Endpoint, Fault, What};
use nix::sys::signal::Signal;

use crate::desk::{Desk, PATIENCE, side_by_side};

/// What changes files or talks to others; between two of these nothing can be lost.
const STEPS: &str = "openat,write,writev,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,\
                     unlink,unlinkat,mkdir,mkdirat,flock,connect,sendto,sendmsg,recvfrom";

/// Each has a user, a provider and a share of the steps.
const DESKS: usize = 3;

/// One system call: its name, and the how manieth of that name a thread makes.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Step {
    call: String,
    nth: usize,
}

/// What became of a session whose refresh was killed.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// The next refresh works.
    Survived,
    /// A login was needed, and one was enough.
    Lost,
    /// The refresh ended before it came to that step.
    NotReached,
}

/// What becomes of a desk whose tool was killed: how many logins it took to go on.
#[track_caller]
fn logins_to_go_on(desk: &Desk, at: &str) -> usize {
    desk.provider.arm([]);
    desk.provider.release();
    let before = desk.provider.logins();
    // What is still valid may be served; the session has to show that it lives.
    desk.get_token().run().token();
    let refresh = desk.verb("refresh").words(["--now"]).run();
    if refresh.code != 0 {
        assert!([3, 4].contains(&refresh.code), "{at}: {refresh}");
        let again = desk.verb("login").run();
        assert_eq!(again.code, 0, "{at}: {again}");
    }
    // Settled, without a loop: one more refresh and a warm call ask nobody.
    let logins = desk.provider.logins() - before;
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{at}: {refresh}");
    desk.get_token().run().token();
    assert_eq!(
        desk.provider.logins() - before,
        logins,
        "{at}: one more login"
    );
    logins
}

#[test]
fn killed_before_the_provider_has_used_the_token_up_the_session_survives() {
    let desk = Desk::new();
    desk.log_in();
    for what in [What::HoldBefore, What::CutBefore] {
        desk.provider
            .arm([Fault::at(Endpoint::Refresh, what.clone())]);
        let refresh = desk.verb("refresh").words(["--now"]).start();
        if matches!(what, What::HoldBefore) {
            desk.provider.until_held(PATIENCE);
        } else {
            desk.until("a refresh", || desk.provider.count(Endpoint::Refresh) > 1);
        }
        refresh.signal(Signal::SIGKILL);
        refresh.wait();
        assert_eq!(logins_to_go_on(&desk, "before"), 0);
    }
    assert_eq!(desk.provider.punished_sessions(), 0);
}

#[test]
fn killed_after_the_provider_has_used_the_token_up_there_is_one_login() {
    let mut desk = Desk::new();
    // The used-up token is all that is left to try, and the provider does not like it.
    desk.expect_complaints();
    desk.log_in();
    desk.provider
        .arm([Fault::at(Endpoint::Refresh, What::HoldAfter)]);
    let refresh = desk.verb("refresh").words(["--now"]).start();
    desk.provider.until_held(PATIENCE);
    refresh.signal(Signal::SIGKILL);
    refresh.wait();
    assert_eq!(logins_to_go_on(&desk, "after"), 1);
}

#[test]
fn killed_at_each_step_that_it_takes_itself_it_goes_on_with_at_most_one_login() {
    if !has_strace("killed_at_each_step_that_it_takes_itself_it_goes_on_with_at_most_one_login") {
        return;
    }
    let steps = {
        let desk = Desk::new();
        desk.log_in();
        steps(&desk)
    };
    for call in [
        "openat", "connect", "write", "fsync", "renameat", "flock", "recvfrom",
    ] {
        let taken = steps.iter().any(|step| step.call == call);
        assert!(taken, "a refresh without {call}: {steps:?}");
    }
    let shares = (0..DESKS).map(|desk| steps.iter().skip(desk).step_by(DESKS));
    let fates = side_by_side(shares, |share| {
        let mut desk = Desk::new();
        // A refresh token that is used up is tried again: whether it is, only the provider knows.
        desk.expect_complaints();
        desk.log_in();
        share
            .map(|step| format!("{:?} {step:?}\n", killed_at(&desk, step)))
            .collect()
    });
    let count = |fate: Fate| {
        let fate = format!("{fate:?} ");
        fates.lines().filter(|line| line.starts_with(&fate)).count()
    };
    // Nothing but the moment between the provider's deed and the file's new name: the answer is
    // read, sealed, written, cut to length, synced and renamed.
    assert!((1..=10).contains(&count(Fate::Lost)), "{fates}");
    assert!(count(Fate::NotReached) * 10 <= steps.len(), "{fates}");
}

/// Kills a refresh at this step; what became of its session.
#[track_caller]
fn killed_at(desk: &Desk, step: &Step) -> Fate {
    let before = desk.provider.live_refresh_tokens();
    let Step { call, nth } = step;
    let inject = format!("inject={call}:signal=KILL:when={nth}");
    let log = desk.path("killed").display().to_string();
    let refresh = desk.verb("refresh").words(["--now"]);
    let killed = refresh
        .after(["strace", "-qq", "-f", "-o", &log, "-e", &inject])
        .run();
    if killed.code == 0 {
        // One read more or less, as the network has it: this time the step was not taken.
        return Fate::NotReached;
    }
    assert_eq!(killed.code, 128 + 9, "{step:?}: {killed}");
    let used_up = desk.provider.live_refresh_tokens() != before;
    match logins_to_go_on(desk, &format!("{step:?}")) {
        0 => Fate::Survived,
        1 => {
            assert!(used_up, "{step:?}: lost a token that was still good");
            Fate::Lost
        }
        more => panic!("{step:?}: {more} logins"),
    }
}

/// The steps of an undisturbed refresh, by whichever thread takes most of a kind. The machine's
/// own files, libraries and certificates, are opened before anything has begun.
fn steps(desk: &Desk) -> BTreeSet<Step> {
    let log = desk.path("steps");
    let path = log.display().to_string();
    let trace = format!("trace={STEPS}");
    let refresh = desk.verb("refresh").words(["--now"]);
    let output = refresh
        .after(["strace", "-qq", "-f", "-o", &path, "-e", &trace])
        .run();
    assert_eq!(output.code, 0, "{output}");
    let ours = desk.path("").display().to_string();
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut steps = BTreeSet::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let parts = line.split_once(char::is_whitespace);
        let Some((thread, rest)) = parts else {
            continue;
        };
        let Some((call, arguments)) = rest.trim().split_once('(') else {
            continue;
        };
        let key = (thread.to_owned(), call.to_owned());
        let nth = counts.entry(key).or_default();
        *nth += 1;
        let foreign = arguments.starts_with("AT_FDCWD") && !arguments.contains(&ours);
        if !foreign {
            steps.insert(Step {
                call: call.to_owned(),
                nth: *nth,
            });
        }
    }
    steps
}

#[test]
fn a_signal_during_a_refresh_waits_for_what_is_under_way() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let desk = Desk::new();
        desk.log_in();
        let delay = What::DelayAfter(std::time::Duration::from_millis(700));
        desk.provider
            .arm([Fault::at(Endpoint::Refresh, delay).times(1)]);
        let refresh = desk.verb("refresh").words(["--now"]).start();
        // The provider has used the old refresh token up, and the answer is under way.
        desk.until("the refresh", || {
            desk.provider.count(Endpoint::Refresh) == 1
        });
        refresh.signal(signal);
        refresh.wait();
        assert_eq!(logins_to_go_on(&desk, "a signal"), 0, "{signal}");
    }
}
