//! What goes wrong, each case provoked for real: both streams and the exit code are kept in
//! `snapshots/`, and what must not have changed is compared.
//!
//! | part | what goes wrong |
//! |---|---|
//! | `choice` | no database of that kind, or several |
//! | `readiness` | suspended, pending, not ready |
//! | `grantee` | a namespace that is absent, one's own, or has no user |
//! | `rights` | the owner lacks rights, would escalate them, or the cluster's policy refuses |
//! | `superuser` | no superuser's password, or a wrong one |
//! | `exposure` | a database that is open to the cluster, or to PUBLIC |
//! | `terms` | other terms, and objects of the same names that are not ours |
//! | `failover` | the pod is gone and comes back |
//! | `withdrawal` | revoke when the grantee owns things, when the database is away or gone |
//! | `expiry` | ends that are past, too distant or no dates |
//! | `connection` | the API server is away, is none, or does not know who asks |
//! | `interruption` | locks, full servers, signals |
//! | `operator` | an operator that nobody names, or that policies keep out |

mod choice;
mod connection;
mod expiry;
mod exposure;
mod failover;
mod grantee;
mod interruption;
mod operator;
mod readiness;
mod rights;
mod superuser;
mod terms;
mod withdrawal;

use std::thread;
use std::time::Duration;

use datalab_lab::tenant::{Database, Login, Output, Play, Release, Snapshot, Stage, Tenant};

use crate::{
    share::ShareSecret,
    transcript::{Transcript, share_db},
};

/// A play with an owner, and what is kept of it.
struct Scene {
    stage: Stage,
    play: Play,
    me: Tenant,
    transcript: Transcript,
}

/// The state that a failure must not have changed.
struct Before<'s> {
    me: &'s Tenant,
    database: Option<&'s Database>,
    inventory: Snapshot,
    privileges: Option<Snapshot>,
}

impl Scene {
    #[track_caller]
    fn required(test: &str) -> Option<Self> {
        let stage = Stage::required(test)?;
        let play = stage.play();
        Some(Self {
            me: play.tenant("me"),
            transcript: Transcript::of(&play, "share_db"),
            stage,
            play,
        })
    }

    /// The catalogue's database of the owner, ready.
    #[track_caller]
    fn database(&self) -> Database {
        self.me
            .postgres(Release::named("postgresql-951239"))
            .ready()
    }

    /// The colleague's namespace, which most failures do not need to exist.
    fn with(&self) -> String {
        format!("user-{}", self.play.name("x"))
    }

    /// `share-db postgres --with user-x …` as the owner.
    #[track_caller]
    fn grant(&self, options: &[&str]) -> Output {
        let with = self.with();
        let words = ["postgres", "--with", &with];
        share_db(&self.me, [words.as_slice(), options].concat())
    }

    /// `share-db revoke postgres --with user-x …` as the owner.
    #[track_caller]
    fn revoke(&self, options: &[&str]) -> Output {
        let with = self.with();
        let words = ["revoke", "postgres", "--with", &with];
        share_db(&self.me, [words.as_slice(), options].concat())
    }

    /// Asserts that a command showed what `snapshots/NAME.snap` holds.
    #[track_caller]
    fn keep(&self, name: &str, output: &Output) {
        self.transcript.keep(name, output);
    }

    /// The name of the share's objects, as a dry run tells it.
    #[track_caller]
    fn object_name(&self) -> String {
        let name = self.grant(&["--dry-run=client", "-o", "jsonpath={.secret}"]);
        name.ok().trim().to_owned()
    }

    /// The name of the share's login, as a dry run tells it.
    #[track_caller]
    fn role_name(&self) -> String {
        let name = self.grant(&["--dry-run=client", "-o", "jsonpath={.role}"]);
        name.ok().trim().to_owned()
    }

    /// The login in the share's Secret, as the colleague reads it.
    #[track_caller]
    fn login(&self, x: &Tenant) -> Login {
        ShareSecret::named(&self.me, &self.object_name()).login_of(x)
    }

    /// Waits until the owner's namespace holds what it held before: garbage is collected soon, not at
    /// once.
    #[track_caller]
    fn until_as(&self, before: &Snapshot) {
        for _ in 0..20 {
            if before.changes(&self.me.inventory()).is_empty() {
                return;
            }
            thread::sleep(Duration::from_secs(1));
        }
        before.assert_unchanged(&self.me.inventory());
    }

    /// The state now, to be compared later.
    #[track_caller]
    fn before<'s>(&'s self, database: Option<&'s Database>) -> Before<'s> {
        Before {
            me: &self.me,
            database,
            inventory: self.me.inventory(),
            privileges: database.map(Database::effective_privileges),
        }
    }
}

impl Before<'_> {
    /// Asserts that no object and no privilege came, went or changed.
    #[track_caller]
    fn assert_unchanged(&self) {
        self.inventory.assert_unchanged(&self.me.inventory());
        if let (Some(database), Some(privileges)) = (self.database, &self.privileges) {
            privileges.assert_unchanged(&database.effective_privileges());
        }
    }
}
