//! `kubectl datalab s3-creds`: from one login to S3, in the form the next tool wants.
//!
//! What SDKs run again and again is [`warm`]; everything else begins where that has no answer.
//! `README.md` beside this crate has the tour, the reference of flags and the failure table.

mod args;
mod bearer;
mod cache;
mod cause;
mod child;
mod configure;
mod desk;
mod doctor;
mod examples;
mod forms;
mod get;
mod issue;
mod issued;
mod logout;
mod policy;
mod profiles;
mod role;
mod serve;
mod source;
mod span;
mod static_keys;
mod status;
mod store;
mod sts;
mod trust;
mod verify;
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
