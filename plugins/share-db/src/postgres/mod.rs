//! PostgreSQL, spoken through the port-forward of one pod.
//!
//! - [`Server`] and [`Session`]: a login over a forwarded stream; no local port, no psql.
//! - [`Superuser`]: the sessions of the one who makes roles, one a database.
//! - [`Verifier`]: SCRAM-SHA-256, computed here, so that the server never sees a password in SQL.
//! - [`ShareLock`]: one writer at a time, whatever the shell or the machine it runs on.
//! - [`Privilege`], [`Terms`] and [`converge`]: what a login should hold, what it holds, and the
//!   statements between the two.
//! - [`reach`]: what it can touch beyond that.
//! - [`withdraw`]: the way back.
//!
//! Every superuser session has `search_path = pg_catalog`: a schema that somebody else may write to
//! must not lend its operators and functions to a superuser (CVE-2018-1058).

mod certificate;
mod converge;
mod facts;
mod handshake;
mod held;
mod lock;
mod login;
mod privilege;
mod reach;
mod session;
mod statement;
mod superuser;
mod tls;
mod verifier;
mod withdraw;

pub(crate) use certificate::Presented;
pub(crate) use converge::{Change, ConvergeError, Converged, converge};
pub(crate) use facts::{DatabaseFact, Facts, default_schemas, schemas, shared_logins};
pub(crate) use handshake::{Encryption, try_login};
pub(crate) use lock::{LockError, ShareLock};
pub(crate) use login::{Login, LoginState};
pub(crate) use privilege::{Access, Terms};
pub(crate) use reach::{DatabaseReach, Entrances, Reach, ReachError, reach};
pub(crate) use session::{Credential, LoginError, Server, Session, SqlError};
pub(crate) use statement::Statement;
pub(crate) use superuser::Superuser;
pub(crate) use verifier::{SALT_LENGTH, Verifier};
pub(crate) use withdraw::{OwnedObject, WithdrawError, withdraw};
