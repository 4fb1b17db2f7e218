//! How many requests share-db makes, by the API server's own audit log: each is a round trip of the
//! person who waits, and somebody else's load.

use datalab_lab::tenant::{Release, Stage};

use super::audit::{Audit, Request};
use super::share::share_db;

/// The most that a grant may make, whatever it finds.
const GRANT: usize = 30;

/// The most that a list may make, whatever the number of shares.
const LIST: usize = 6;

/// What a failing assertion shows: each request as `verb resource`, with how often it was made.
fn counted(requests: &[Request]) -> String {
    let mut names: Vec<String> = requests
        .iter()
        .map(|request| format!("{} {}", request.verb, request.resource))
        .collect();
    names.sort();
    let mut counted: Vec<(usize, String)> = Vec::new();
    for name in names {
        match counted.last_mut() {
            Some((count, last)) if *last == name => *count += 1,
            _ => counted.push((1, name)),
        }
    }
    let lines: Vec<String> = counted
        .iter()
        .map(|(count, name)| format!("{count} × {name}"))
        .collect();
    format!("{} requests: {}", requests.len(), lines.join(", "))
}

#[test]
fn requests_stay_within_their_budgets() {
    let Some(stage) = Stage::required("requests stay within their budgets") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let _database = me.postgres(Release::named("postgresql-951239")).ready();
    let Some(mut audit) = Audit::begin(&stage, &me) else {
        return;
    };
    let grant = |with: &str| format!("postgres --with user-{}", play.name(with));

    share_db(&me, &grant("x")).ok();
    let first = audit.look();
    assert!(first.len() <= GRANT, "{}", counted(&first));
    // All four objects, or the budget would be that of something less.
    let writes = first.iter().filter(|request| request.writes()).count();
    assert_eq!(writes, 4, "{}", counted(&first));

    share_db(&me, &grant("x")).ok();
    let again = audit.look();
    assert!(again.len() <= GRANT, "{}", counted(&again));
    assert!(!again.iter().any(Request::writes), "{}", counted(&again));

    share_db(&me, &format!("{} --access write", grant("x"))).ok();
    let changed = audit.look();
    assert!(changed.len() <= GRANT, "{}", counted(&changed));

    let list = |audit: &mut Audit, shares: usize| {
        let told = share_db(&me, "list").ok();
        assert_eq!(told.lines().count(), 1 + shares, "{told}");
        let requests = audit.look();
        assert!(requests.len() <= LIST, "{}", counted(&requests));
        let mut kinds: Vec<_> = requests
            .iter()
            .map(|request| (request.verb.as_str(), request.resource.as_str()))
            .collect();
        kinds.sort_unstable();
        // No Secret is read one by one, which would hold its data.
        assert!(
            !kinds.contains(&("get", "secrets")),
            "{}",
            counted(&requests)
        );
        requests.len()
    };
    let with_one = list(&mut audit, 1);
    for with in ["y", "z", "w"] {
        share_db(&me, &grant(with)).ok();
    }
    audit.look();
    assert_eq!(list(&mut audit, 4), with_one);
}
