//! The shares of one database, as neither share-db nor its user sees them: the objects by the
//! cluster's administrator, the logins by the server's superuser, and whether a published password
//! is let in by trying it.

mod shell;
mod state;

use datalab_lab::tenant::{Database, Stage};
use serde_json::Value;

pub use state::{Publication, ServerLogin, State};

use shell::Shell;

/// By which objects of shares are known.
const BY_PURPOSE: &str =
    "--selector=app.kubernetes.io/managed-by=kubectl-datalab,datalab/purpose=share-db";

/// All that a share is made of in the cluster.
const KINDS: &str = "secrets,roles,rolebindings,networkpolicies";

/// What the server knows of the logins of shares, a JSON object each. Whatever a role holds in any
/// database is a dependency on it; a default privilege that is granted anew is another object.
const LOGINS: &str = "SELECT json_build_object('role', rolname,
  'canLogin', rolcanlogin AND coalesce(rolvaliduntil > now(), true),
  'facts', concat_ws(' ', rolcanlogin, rolsuper, rolconnlimit, rolvaliduntil, shobj_description(oid, 'pg_authid')),
  'password', md5(rolpassword),
  'depends', (SELECT json_agg(concat_ws(' ', dbid, classid, objid, deptype) ORDER BY dbid, classid, objid)
     FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = pg_authid.oid))
  FROM pg_authid WHERE rolname LIKE 'share\\_%' ORDER BY rolname";

/// Looks at the shares of one database.
pub struct Shares<'a> {
    stage: Stage,
    database: &'a Database,
    shell: Shell,
}

impl<'a> Shares<'a> {
    /// Of this database. A shell in its pod stays open for it.
    #[track_caller]
    #[must_use]
    pub fn of(stage: &Stage, database: &'a Database) -> Self {
        Self {
            stage: stage.clone(),
            database,
            shell: Shell::in_pod(stage, database.namespace(), database.pod()),
        }
    }

    /// How they are now.
    ///
    /// # Panics
    /// When the cluster or the database cannot be asked.
    #[track_caller]
    #[must_use]
    pub fn look(&mut self) -> State {
        let get = [
            "get",
            KINDS,
            BY_PURPOSE,
            "--namespace",
            self.database.namespace(),
            "--output=json",
        ];
        let list = self.stage.kubectl(get).run().ok();
        let list: Value =
            serde_json::from_str(&list).expect("because kubectl writes JSON when asked to");
        let objects = list["items"]
            .as_array()
            .expect("because kubectl lists items")
            .clone();
        let logins = self.superuser(LOGINS);
        let logins = logins.lines().map(ServerLogin::from_json).collect();
        let mut state = State::new(objects, logins);
        for publication in state.published() {
            let refused = self.refusal(&publication);
            state.note_refusal(publication, refused);
        }
        state
    }

    /// Rows of a query, as superuser.
    #[track_caller]
    fn superuser(&mut self, query: &str) -> String {
        let query = query.replace('\'', r"'\''");
        self.shell.run(&format!(
            "psql -XqAt -v ON_ERROR_STOP=1 -U postgres -d postgres -c '{query}' || echo failed"
        ))
    }

    /// Logs in with what the Secret says; what the server says when it does not let in.
    #[track_caller]
    fn refusal(&mut self, publication: &Publication) -> Option<String> {
        let Publication {
            user,
            password,
            database,
            ..
        } = publication;
        let said = self.shell.run(&format!(
            "PGPASSWORD='{password}' psql -XqAt -h 127.0.0.1 -U '{user}' -d '{database}' -c \"SELECT 'let in'\" 2>&1"
        ));
        (said.trim() != "let in").then_some(said)
    }
}
