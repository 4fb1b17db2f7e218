//! The images of the lab's pods: Debian with PostgreSQL and the tools to speak to it for all, and
//! others that a story asks for.
//!
//! Made from the host's own apt sources, so that no registry is needed, and kept in the cache.

mod archive;
mod debian;
mod root;
mod sources;
mod store;

pub(crate) use archive::{Blob, Image, Layer, write};
pub(crate) use root::{Error, architecture, build, build_postgresql, postgresql_of_host};
pub(crate) use store::{Error as StoreError, build as import, copy, show_layers};

/// The name under which the node knows the image.
pub const IMAGE: &str = "docker.io/lab/debian:1";
