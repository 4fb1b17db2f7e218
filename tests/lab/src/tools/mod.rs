//! The lab's servers, built from the Go modules in `tests/tools` into the cache.
//!
//! A module's binaries are in one folder, named by everything that could change them. A binary
//! that somebody else provides (`TEST_ASSET_KUBE_APISERVER`, `KUBEBUILDER_ASSETS`) wins.

mod go;
mod operator;
mod programs;
mod stamp;

pub(crate) use go::Error;
pub(crate) use go::{Go, build, build_client, find_go};
pub(crate) use operator::{Operator, build as build_operator};
pub(crate) use programs::needs_build;
pub(crate) use programs::{Client, Programs};
