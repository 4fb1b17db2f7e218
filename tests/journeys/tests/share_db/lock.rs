//! Locks of the database that share-db meets, held by another session of the same server.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin};
use std::thread;
use std::time::Duration;

use datalab_lab::tenant::{Database, Stage};

/// The key of share-db's advisory lock, as `pg_locks` shows it to an administrator.
const KEY: i64 = i64::from_be_bytes(*b"datalab-");

/// A lock, held until it is released or dropped.
pub(crate) struct HeldLock {
    psql: Child,
    stdin: Option<ChildStdin>,
}

impl HeldLock {
    /// The lock under which share-db writes, as another share-db would hold it.
    #[track_caller]
    pub(crate) fn of_share_db(stage: &Stage, database: &Database) -> Self {
        Self::take(stage, database, &format!("SELECT pg_advisory_lock({KEY})"))
    }

    /// A lock that lets roles be read and used, but not made or changed: a grant stops in the middle,
    /// after its Secret and before its login.
    #[track_caller]
    pub(crate) fn on_roles(stage: &Stage, database: &Database) -> Self {
        Self::take(stage, database, "BEGIN; LOCK TABLE pg_authid IN SHARE MODE")
    }

    #[track_caller]
    fn take(stage: &Stage, database: &Database, sql: &str) -> Self {
        let mut psql = stage
            .kubectl([
                "exec",
                "--stdin",
                "--namespace",
                database.namespace(),
                database.pod(),
                "--",
                "psql",
                "--no-psqlrc",
                "--quiet",
                "--username=postgres",
                "--dbname=postgres",
            ])
            .spawn();
        let mut stdin = psql.stdin.take().expect("because stdin is piped");
        writeln!(stdin, "{sql};\n\\echo held").expect("because psql reads");
        let stdout = psql.stdout.take().expect("because stdout is piped");
        let held = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .any(|line| line == "held");
        assert!(held, "psql did not take the lock");
        Self {
            psql,
            stdin: Some(stdin),
        }
    }

    /// Waits until somebody waits for it.
    #[track_caller]
    pub(crate) fn until_waited_for(&self, database: &Database) {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        for _ in 0..200 {
            if database.sql("postgres", waiting) == "1" {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("nobody waits for the lock");
    }

    /// Lets it go and waits until it is gone.
    pub(crate) fn release(self) {}

    /// Runs more SQL before it lets go, as the one who holds the lock.
    #[track_caller]
    pub(crate) fn release_with(mut self, sql: &str) {
        let stdin = self
            .stdin
            .as_mut()
            .expect("because it is taken at the end only");
        writeln!(stdin, "{sql};").expect("because psql reads");
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // psql ends at the end of its input, and its session with it.
        drop(self.stdin.take());
        let _ = self.psql.wait();
    }
}
