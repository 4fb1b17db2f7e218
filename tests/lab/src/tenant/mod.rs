//! The people of a story and what they own: namespaces as Onyxia makes them, users with credentials of
//! their own, pods to act from, and databases as the catalogue deploys them.
//!
//! A story asks for a [`Stage`], plays on it, and casts its tenants:
//!
//! ```no_run
//! use datalab_lab::tenant::{Release, Stage};
//!
//! let Some(stage) = Stage::required("a colleague reads nothing yet") else { return };
//! let play = stage.play();
//! let (me, x) = (play.tenant("me"), play.tenant("x"));
//! let db = me.postgres(Release::named("postgresql-951239")).ready();
//! x.kubectl(["get", "secret", db.fullname(), "-n", me.namespace()]).fails();
//! x.pod("notebook").until_unreachable(db.host());
//! ```
//!
//! Everything goes through the `kubectl` program, which judges for us. A fixture that cannot be made
//! ends the test there, with what the program printed: there is no story without it.

mod certificate;
mod chart;
mod cluster;
mod command;
mod database;
mod inventory;
mod kubeconfig;
mod manifest;
mod namespace;
mod play;
mod pod;
mod random;
mod records;
mod release;
mod server;
mod session;
mod snapshot;
mod stage;

pub use cluster::{CLOUDNATIVE_PG, Cluster};
pub use command::{Output, Program};
pub use database::{Database, Login};
pub use namespace::Tenant;
pub use play::Play;
pub use pod::Pod;
pub use release::Release;
pub use session::Session;
pub use snapshot::Snapshot;
pub use stage::Stage;
