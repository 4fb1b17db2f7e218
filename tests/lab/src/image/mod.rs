//! The image of all pods of the lab: Debian with PostgreSQL and the tools to speak to it.
//!
//! Made from the host's own apt sources, so that no registry is needed, and kept in the cache.

mod archive;
mod root;
mod sources;
mod store;

pub(crate) use root::{Error, build};
pub(crate) use store::{Error as StoreError, build as import, copy, show_layers};

/// The name under which the node knows the image.
pub const IMAGE: &str = "docker.io/lab/debian:1";
