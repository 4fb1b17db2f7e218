//! `kubectl datalab oidc-login`: log in once, every kubectl call as fast as without it.
//!
//! What kubectl runs on each call is [`warm`]; everything else begins where that has no answer.
//! `README.md` beside this crate has the tour, the reference of flags and the failure table.

mod api_server;
mod args;
mod choice;
mod current;
mod desk;
mod doctor;
mod examples;
mod exec_credential;
mod explain;
mod get_token;
mod list;
mod login;
mod logout;
mod refresh;
mod setup;
mod token;
mod trust;
mod warm;
mod whoami;

use std::process::ExitCode;

use datalab_core::world::World;

fn main() -> ExitCode {
    if let Some(code) = warm::answer() {
        return code;
    }
    let world = World::real();
    world.forbid_core_dumps();
    let arguments: Vec<_> = std::env::args_os().collect();
    args::run(&world, &arguments).into()
}
