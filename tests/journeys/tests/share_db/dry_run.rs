//! A dry run says what would be done, and does nothing.

use datalab_lab::tenant::{Release, Stage};

use super::audit::{Audit, Request};
use super::share::{ShareSecret, share_db};

#[test]
fn a_dry_run_writes_nothing() {
    let Some(stage) = Stage::required("a dry run writes nothing") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let db = me.postgres(Release::named("postgresql-951239")).ready();
    let grant = format!("postgres --with {} --schema sales", x.namespace());
    let revoke = format!("revoke postgres --with {}", x.namespace());
    let mut audit = Audit::begin(&stage, &me);
    let mut dry = |line: &str, code: i32| {
        let (inventory, privileges) = (me.inventory(), db.effective_privileges());
        let mut told = Vec::new();
        if let Some(audit) = &mut audit {
            let _ = audit.look();
        }
        for mode in ["client", "server"] {
            let output = share_db(&me, &format!("{line} --dry-run={mode}"));
            told.push(output.stdout().to_owned());
            output.ok();
            let judged = share_db(&me, &format!("{line} --dry-run={mode} --exit-code"));
            assert_eq!(judged.code(), Some(code), "{judged}");
            if let Some(audit) = &mut audit {
                let requests = audit.look();
                // That a deletion is a dry run stands in its body, which the log has not.
                let may_be_dry = |request: &Request| mode == "server" && request.verb == "delete";
                let mut writes = requests.iter().filter(|request| request.writes());
                assert_eq!(writes.find(|request| !may_be_dry(request)), None);
                let tried = requests
                    .iter()
                    .any(|request| request.is_dry_run() || may_be_dry(request));
                let to_try = mode == "server" && code == 7;
                assert!(tried || !to_try, "the server was not asked: {requests:?}");
                assert!(
                    !tried || mode == "server",
                    "the server was asked: {requests:?}"
                );
            }
        }
        inventory.assert_unchanged(&me.inventory());
        privileges.assert_unchanged(&db.effective_privileges());
        told
    };

    for told in dry(&grant, 7) {
        for word in [
            "dry run",
            "created",
            "sql       CREATE ROLE",
            "GRANT SELECT",
            "PASSWORD '***'",
        ] {
            assert!(told.contains(word), "no {word:?} in\n{told}");
        }
        assert!(
            !told.contains("send to") && !told.contains("proven"),
            "{told}"
        );
    }
    assert!(dry(&revoke, 0)[0].starts_with("nothing to revoke"));

    // What was said is what is done then.
    let planned = share_db(
        &me,
        &format!("{grant} --dry-run=client --output=jsonpath={{.statements[*]}}"),
    )
    .ok();
    let done = share_db(
        &me,
        &format!("{grant} --output=jsonpath={{.statements[*]}}"),
    )
    .ok();
    let but_moments = |statements: &str| {
        let end = statements
            .find("VALID UNTIL")
            .expect("because new logins end");
        let rest = statements[end..]
            .find(" PASSWORD")
            .expect("because a login has a password");
        (
            statements[..end].to_owned(),
            statements[end + rest..].to_owned(),
        )
    };
    assert_eq!(but_moments(&planned), but_moments(&done));
    let share = ShareSecret::planned(&me, &grant);
    let theirs = share.login_of(&x);

    assert!(dry(&grant, 0)[0].starts_with("share unchanged: "));
    for told in dry(&format!("{grant} --access write"), 7) {
        assert!(told.contains("changed   access: read -> write"), "{told}");
        assert!(told.contains("GRANT INSERT"), "{told}");
    }
    for told in dry(&revoke, 7) {
        assert!(told.contains("DROP ROLE"), "{told}");
    }
    assert_eq!(share.login_of(&x).password, theirs.password);
}
