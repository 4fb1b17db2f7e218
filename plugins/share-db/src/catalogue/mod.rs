//! What the platform's catalogue put into a namespace: databases, found and told apart.
//!
//! - [`Wanted`]: what the command line asks for, `KIND[/NAME]`.
//! - [`Database`]: one database, with the Service that leads to it.
//! - [`find`]: exactly one, or a failure that lists what there is.
//! - [`Primary`]: the pod that takes writes, and who owns it.
//! - [`Patience`]: how long to wait for one that is suspended, starting or failing over.
//! - [`superuser`]: the credential with which roles are made.

mod database;
mod find;
mod names;
mod patience;
mod pod_port;
mod primary;
mod readiness;
mod superuser;
mod wanted;

pub(crate) use database::{Database, Engine};
pub(crate) use find::{all, choose, find};
pub(crate) use names::{ChartNames, friendly_name};
pub(crate) use patience::Patience;
pub(crate) use pod_port::PodPort;
pub(crate) use primary::{Primary, primary};
pub(crate) use superuser::{administered, superuser};
pub(crate) use wanted::Wanted;
