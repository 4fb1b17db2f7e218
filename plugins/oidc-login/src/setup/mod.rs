//! `setup`: the kubeconfig's entries and the known issuer, written after everything that can be
//! checked was checked; and what administrators need, printed.

mod checks;
mod facts;
mod outcome;
mod print;
mod request;
mod write;

use std::path::Path;

use datalab_core::{report::Failure, world::World};

pub(crate) use outcome::SetUp;
pub(crate) use print::{Form, PrintRequest};
pub(crate) use request::{SetupRequest, Source};

use facts::Facts;

/// Everything that is wrong is told at once, and nothing is written before it is right.
///
/// # Errors
/// Something is missing, wrong or refused, or the kubeconfig cannot be written.
pub(crate) async fn setup(
    world: &World,
    request: &SetupRequest,
    program: &Path,
) -> Result<SetUp, Failure> {
    let facts = Facts::gather(world, request).await?;
    let target = checks::check(world, request, facts).await?;
    write::write(world, request, target, program).await
}

/// The forms that were asked for, as one text for standard output; how to use each is said.
///
/// # Errors
/// Something that a form needs is not given, or the platform does not answer.
pub(crate) async fn print(
    world: &World,
    request: &SetupRequest,
    program: &Path,
) -> Result<String, Failure> {
    print::print(world, request, program).await
}
