//! A PostgreSQL server as its own pod reaches it: superuser by the local socket.

use super::command::Output;
use super::snapshot::Snapshot;
use super::stage::Stage;

/// psql as every script of the lab calls it: rows without ornaments, until the first error.
const PSQL: [&str; 7] = [
    "psql",
    "--no-psqlrc",
    "--no-align",
    "--tuples-only",
    "--quiet",
    "--set=ON_ERROR_STOP=1",
    "--username=postgres",
];

/// Runs a script of SQL, given as the first argument, in every database that can be entered.
const IN_EVERY_DATABASE: &str = r#"
psql="psql --no-psqlrc --no-align --tuples-only --quiet --set=ON_ERROR_STOP=1 --username=postgres"
PGDATABASE=postgres $psql --command="SELECT datname FROM pg_database WHERE datallowconn" |
    while IFS= read -r database; do
        PGDATABASE=$database $psql --command="$1" </dev/null
    done
"#;

/// A server in a pod.
pub(super) struct Server<'a> {
    pub(super) stage: &'a Stage,
    pub(super) namespace: &'a str,
    pub(super) pod: &'a str,
}

impl Server<'_> {
    /// Runs SQL in the database named and hands out the rows.
    #[track_caller]
    pub(super) fn sql(&self, database: &str, sql: &str) -> String {
        let rows = self.try_sql(database, &[], sql).ok();
        rows.trim_end_matches('\n').to_owned()
    }

    /// As [`Server::sql`], with more options for psql, whatever comes of it.
    #[track_caller]
    pub(super) fn try_sql(&self, database: &str, options: &[&str], sql: &str) -> Output {
        let variable = format!("PGDATABASE={database}");
        self.exec(
            &[&["env", &variable], PSQL.as_slice(), options].concat(),
            sql,
        )
    }

    /// Who may do what, in every database.
    #[track_caller]
    pub(super) fn effective_privileges(&self) -> Snapshot {
        let query = include_str!("../../manifests/postgresql/effective-privileges.sql");
        let ask = || self.exec(&["sh", "-ec", IN_EVERY_DATABASE, "sh", query], "");
        let mut answer = ask();
        // A busy node resets a stream now and then; this much text meets it, and asking changes nothing.
        if answer.stderr().contains("connection reset by peer") {
            answer = ask();
        }
        Snapshot::of(answer.ok().lines().map(str::to_owned))
    }

    /// What the server has logged since its pod started.
    #[track_caller]
    pub(super) fn log(&self) -> String {
        let Self {
            stage,
            namespace,
            pod,
        } = self;
        stage
            .kubectl(["logs", "--namespace", namespace, pod])
            .run()
            .ok()
    }

    #[track_caller]
    fn exec(&self, line: &[&str], input: &str) -> Output {
        let exec = [
            "exec",
            "--stdin",
            "--namespace",
            self.namespace,
            self.pod,
            "--",
        ];
        let args = [exec.as_slice(), line].concat();
        self.stage.kubectl(args).input(input).run()
    }
}
