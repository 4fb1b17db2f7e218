//! The catalogue's database with other versions of PostgreSQL than the stage's own.

use datalab_lab::tenant::{Release, Stage};

#[test]
fn a_database_may_be_older_or_newer() {
    let Some(stage) = Stage::required("a database may be older or newer") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let own = me.pod("notebook");
    for major in [13, 15, 17] {
        let release = Release::named(&format!("postgresql-{major}")).major(major);
        let db = me.postgres(release).ready();
        own.until_reachable(db.host());
        let version = own.psql(&db.owner(), "SHOW server_version").ok();
        assert!(version.starts_with(&format!("{major}.")), "{version}");
        let orders = "SELECT count(*), sum(amount) FROM sales.orders";
        assert_eq!(own.psql(&db.owner(), orders).ok(), "4|122.60\n");
        // What made 15 worth telling apart: before it, everybody might create tables in `public`.
        let create = "SELECT has_schema_privilege('analysts', 'public', 'CREATE')";
        let may = db.sql(db.dbname(), create);
        assert_eq!(may == "t", major < 15, "PostgreSQL {major}: {may}");
    }
}
