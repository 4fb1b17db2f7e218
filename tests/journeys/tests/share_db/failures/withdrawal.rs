use datalab_lab::tenant::{Database, Login, Pod};

use super::Scene;
use crate::transcript::share_db;

/// A grantee whom the owner let create tables by hand, with a table of her own and an open session.
struct Settled {
    database: Database,
    notebook: Pod,
    login: Login,
    role: String,
}

impl Settled {
    #[track_caller]
    fn at(scene: &Scene) -> Self {
        let database = scene.database();
        let x = scene.play.tenant("x");
        let notebook = x.pod("notebook");
        scene.grant(&["--schema", "sales"]).ok();
        let login = scene.login(&x);
        let role = login.user.clone();
        database.sql(
            "defaultdb",
            &format!("GRANT CREATE ON SCHEMA sales TO \"{role}\""),
        );
        notebook.until_reachable(database.host());
        let note = "CREATE TABLE sales.notes (line text); INSERT INTO sales.notes VALUES ('hers')";
        notebook.psql(&login, note).ok();
        Self {
            database,
            notebook,
            login,
            role,
        }
    }

    fn roles(&self) -> String {
        let count = format!(
            "SELECT count(*) FROM pg_roles WHERE rolname = '{}'",
            self.role
        );
        self.database.sql("postgres", &count)
    }
}

#[test]
fn what_the_grantee_owns_is_named_and_handed_over_only_when_told() {
    let Some(scene) = Scene::required("grantee owns tables") else {
        return;
    };
    let settled = Settled::at(&scene);
    let mut session = settled.notebook.session(&settled.login);
    session.ask("SELECT 1").expect("because the share is open");

    let before = scene.before(Some(&settled.database));
    scene.keep(
        "withdrawal-owns-dry-run",
        &scene.revoke(&["--dry-run=client"]),
    );
    let nobody = scene.revoke(&["--reassign-to", "nobody-here"]);
    scene.keep("withdrawal-heir-unknown", &nobody);
    // Handed to the login that goes, her tables would be dropped with it.
    let herself = scene.revoke(&["--reassign-to", &settled.role]);
    scene.keep("withdrawal-heir-herself", &herself);
    before.assert_unchanged();
    assert!(session.ask("SELECT 1").is_ok());

    scene.keep("withdrawal-owns", &scene.revoke(&[]));
    assert!(session.ask("SELECT 1").is_err(), "the session was not cut");
    settled.notebook.psql(&settled.login, "SELECT 1").fails();
    assert_eq!(settled.roles(), "1");
    scene.keep(
        "withdrawal-owns-list",
        &share_db(&scene.me, ["list", "--live", "-o", "wide"]),
    );

    let owner = settled.database.owner().user;
    scene.keep("withdrawal-heir", &scene.revoke(&["--reassign-to", &owner]));
    assert_eq!(settled.roles(), "0");
    let notes = "SELECT tableowner FROM pg_tables WHERE tablename = 'notes'";
    assert_eq!(settled.database.sql("defaultdb", notes), owner);
    assert_eq!(
        settled
            .database
            .sql("defaultdb", "SELECT line FROM sales.notes"),
        "hers"
    );
}

#[test]
fn a_database_that_is_gone_leaves_no_objects() {
    let Some(scene) = Scene::required("database gone") else {
        return;
    };
    let empty = scene.me.inventory();
    let database = scene.database();
    scene.grant(&[]).ok();
    // Without the garbage collector's help: as if it had not come by yet.
    let name = scene.object_name();
    for kind in ["secret", "role", "rolebinding", "networkpolicy"] {
        let patch = [
            "patch",
            kind,
            &name,
            "--type=merge",
            "--patch",
            r#"{"metadata": {"ownerReferences": null}}"#,
        ];
        scene.me.kubectl(patch).ok();
    }
    database.uninstall();
    scene.keep(
        "withdrawal-gone-list",
        &share_db(&scene.me, ["list", "-o", "wide", "--exit-code"]),
    );
    scene.keep("withdrawal-gone", &scene.revoke(&[]));
    scene.keep("withdrawal-gone-again", &scene.revoke(&[]));
    scene.until_as(&empty);
}

#[test]
fn a_database_that_was_dropped_inside_the_server_is_taken_back() {
    let Some(scene) = Scene::required("database dropped") else {
        return;
    };
    let database = scene.database();
    let objects = scene.me.inventory();
    scene.grant(&["--database", "archive"]).ok();
    database.sql("postgres", "DROP DATABASE archive");
    let before = database.effective_privileges();
    scene.keep(
        "withdrawal-dropped-grant",
        &scene.grant(&["--database", "archive"]),
    );
    before.assert_unchanged(&database.effective_privileges());
    scene.keep("withdrawal-dropped", &scene.revoke(&[]));
    objects.assert_unchanged(&scene.me.inventory());
    assert_eq!(
        database.sql(
            "postgres",
            "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'share%'"
        ),
        "0"
    );
}

#[test]
fn uninstalling_the_service_takes_its_shares_along() {
    let Some(scene) = Scene::required("uninstalled") else {
        return;
    };
    let empty = scene.me.inventory();
    let database = scene.database();
    scene.grant(&[]).ok();
    database.uninstall();
    // Nobody revoked: the objects go by their owner reference.
    scene.until_as(&empty);
}

#[test]
fn a_suspended_database_is_revoked_in_two_steps() {
    let Some(scene) = Scene::required("suspended revoke") else {
        return;
    };
    let database = scene.database();
    let before = scene.before(Some(&database));
    scene.grant(&[]).ok();
    database.suspend();
    scene.keep("withdrawal-suspended", &scene.revoke(&[]));
    scene.keep(
        "withdrawal-suspended-list",
        &share_db(&scene.me, ["list", "-o", "wide", "--exit-code"]),
    );
    scene.keep("withdrawal-suspended-again", &scene.revoke(&[]));
    database.resume();
    scene.keep("withdrawal-resumed", &scene.revoke(&[]));
    before.assert_unchanged();
}

#[test]
fn nothing_to_revoke_is_no_failure() {
    let Some(scene) = Scene::required("nothing to revoke") else {
        return;
    };
    let _database = scene.database();
    scene.keep("withdrawal-nothing", &scene.revoke(&["--exit-code"]));
    let bare = share_db(&scene.me, ["revoke", "postgres"]);
    scene.keep("withdrawal-which", &bare);
    let all = share_db(&scene.me, ["revoke", "--all"]);
    scene.keep("withdrawal-nothing-at-all", &all);
    scene.grant(&[]).ok();
    let all = share_db(&scene.me, ["revoke", "--all"]);
    scene.keep("withdrawal-all-unanswered", &all);
}
