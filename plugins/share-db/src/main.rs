//! `kubectl datalab share-db`: share one catalogue database with one colleague.
//!
//! Least privilege, a login of its own, revocable, provable. `README.md` beside this crate has the
//! tour, the reference of flags and the failure table.

mod args;
mod catalogue;
mod connect;
mod desk;
mod error;
mod examples;
mod grant;
mod list;
mod network;
mod outcome;
mod postgres;
mod relay;
mod revoke;
mod share;

use std::process::ExitCode;

use datalab_core::world::World;

fn main() -> ExitCode {
    let world = World::real();
    let arguments: Vec<_> = std::env::args_os().collect();
    args::run(&world, &arguments).into()
}
