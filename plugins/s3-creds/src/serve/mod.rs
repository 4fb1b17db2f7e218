//! Keys for programs that were not started by us: an endpoint that SDKs know.

mod endpoint;

use std::{convert::Infallible, path::PathBuf};

use clap::ValueEnum;
use datalab_core::{
    cli,
    report::{Failure, printable, quoted},
    world::{remove_file, write_whole},
};
use serde_json::json;

pub(crate) use self::endpoint::{Endpoint, listen};
use crate::{
    desk::Desk,
    forms::{Naming, Opener, Variables},
    issue::{self, Terms},
    source::{Source, absolute},
};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) source: Source,
    pub(crate) terms: Terms,
    pub(crate) port: Option<u16>,
    /// Where the endpoint's token is put, for `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`.
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) form: Form,
    pub(crate) show_secret: bool,
}

/// How the endpoint is told.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Form {
    Env,
    Json,
}

/// Serves until it is interrupted; `tell` takes the line that says where, once it is true.
pub(crate) async fn serve(
    request: &Request,
    desk: &Desk<'_>,
    tell: impl FnOnce(&str) -> Result<(), Failure>,
) -> Result<Infallible, Failure> {
    if request.token_file.is_none() {
        cli::refuse_screen(desk.world, request.show_secret, "the endpoint's token").map_err(
            |failure| {
                failure.next("the same command with --token-file FILE, or with --show-secret")
            },
        )?;
    }
    let listener = listen(request.port, desk.world).await?;
    let ready = issue::issue(&request.source, &request.terms, desk).await?;
    for note in &ready.notes {
        desk.world
            .streams()
            .talk(&format!("note: {}", printable(note)));
    }
    let naming = Naming {
        ca_file: ready.ca_file.clone(),
        ..Naming::default()
    };
    let issued = ready.issued.clone();
    let endpoint = Endpoint::open(listener, ready, &request.source, &request.terms, desk)?;
    let kept = match &request.token_file {
        None => None,
        Some(file) => {
            let file = absolute(file);
            write_whole(&file, endpoint.token().expose().as_bytes())?;
            Some(TokenFile(file))
        }
    };
    let opener = match &kept {
        None => Opener::Token(endpoint.token().expose().clone()),
        Some(TokenFile(file)) => Opener::File(file.clone()),
    };
    let Variables { set, unset } =
        Variables::of_endpoint(&issued, &naming, endpoint.address(), opener)?;
    let text = match request.form {
        Form::Env => {
            let set = set
                .iter()
                .map(|(name, value)| format!("export {name}={}\n", quoted(value)));
            set.chain([format!("unset {}\n", unset.join(" "))])
                .collect()
        }
        Form::Json => {
            let document: serde_json::Map<_, _> = set
                .into_iter()
                .map(|(name, value)| (name.to_owned(), json!(value)))
                .collect();
            format!("{}\n", serde_json::Value::Object(document))
        }
    };
    tell(&text)?;
    let never = endpoint.serve().await;
    drop(kept);
    Ok(never)
}

/// The endpoint's token in a file, which is of no use when the endpoint is gone.
#[derive(Debug)]
struct TokenFile(PathBuf);

impl Drop for TokenFile {
    fn drop(&mut self) {
        let _ = remove_file(&self.0);
    }
}
