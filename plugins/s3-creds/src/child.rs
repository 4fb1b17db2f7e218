//! A program that gets keys: its environment, and its end.

use std::{ffi::OsString, pin::pin};

use datalab_core::{
    cli,
    report::{Failure, Kind, printable},
};

use crate::{
    desk::Desk,
    forms::{Naming, Opener, Variables},
    issue::{self, Terms},
    serve::{Endpoint, listen},
    source::Source,
};

/// A program to start.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) source: Source,
    pub(crate) terms: Terms,
    /// Whether the keys are renewed while it runs.
    pub(crate) renew: bool,
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
}

/// Runs a program with keys; returns its own exit code. What fails before it is started says so by
/// its kind.
pub(crate) async fn run(request: &Request, desk: &Desk<'_>) -> Result<u8, Failure> {
    let before = |failure: Failure| failure.with_kind(Kind::BeforeCommand);
    let Request {
        source,
        terms,
        renew,
        program,
        arguments,
    } = request;
    let ready = cli::interruptible(issue::issue(source, terms, desk));
    let ready = ready.await.map_err(before_unless_interrupted)?;
    for note in &ready.notes {
        desk.world
            .streams()
            .talk(&format!("note: {}", printable(note)));
    }
    let not_started = |error: datalab_core::world::ChildError| {
        Failure::new(Kind::BeforeCommand, "the command was not started")
            .caused_by(&error)
            .caused_by(&error.source)
    };
    let naming = Naming {
        ca_file: ready.ca_file.clone(),
        ..Naming::default()
    };
    // Keys without an end need no renewal.
    if !renew || ready.expires.is_none() {
        let Variables { set, unset } = Variables::of(&ready.issued, &naming).map_err(before)?;
        let set = set.iter().map(|(name, value)| (*name, value.as_str()));
        return desk
            .world
            .become_command(program, arguments, set, &unset)
            .map_err(not_started);
    }
    let issued = ready.issued.clone();
    let listener = listen(None, desk.world).await.map_err(before)?;
    let endpoint = Endpoint::open(listener, ready, source, terms, desk).map_err(before)?;
    let opener = Opener::Token(endpoint.token().expose().clone());
    let variables = Variables::of_endpoint(&issued, &naming, endpoint.address(), opener);
    let variables = variables.map_err(before)?;
    let set = variables
        .set
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    let child = desk
        .world
        .start_command(program, arguments, set, &variables.unset)
        .map_err(not_started)?;
    let mut served = pin!(endpoint.serve());
    let code = tokio::select! {
        code = child.wait() => code,
        never = &mut served => match never {},
    };
    // A renewal that is under way may hold the login's only refresh token.
    tokio::select! {
        () = cli::nothing_deferred() => {}
        never = &mut served => match never {},
    }
    code.map_err(|error| {
        Failure::new(Kind::Failed, "the command's end is not known")
            .caused_by(&error)
            .caused_by(&error.source)
    })
}

/// Whoever interrupts has not been failed.
fn before_unless_interrupted(failure: Failure) -> Failure {
    match failure.kind() {
        Kind::Interrupted | Kind::Terminated => failure,
        _ => failure.with_kind(Kind::BeforeCommand),
    }
}
