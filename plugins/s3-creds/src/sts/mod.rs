//! A token for keys: AssumeRoleWithWebIdentity, as AWS, MinIO, Ceph and their likes speak it.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

mod answer;
mod refusal;
mod request;
mod words;

use ::http::StatusCode;
use datalab_core::http::{self, Client, Patience};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

pub(crate) use self::{
    refusal::Refusal,
    request::{RESERVED, Request},
    words::words,
};
use crate::issued::{Credentials, Server};

/// Keys that were given for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) credentials: Credentials,
    /// When they came, by this machine's clock.
    pub(crate) received: Timestamp,
    /// How far the server's clock is ahead.
    pub(crate) skew: SignedDuration,
    /// What the server calls itself, where it does.
    pub(crate) server: Server,
}

/// No keys.
#[derive(Debug, Error)]
pub(crate) enum StsError {
    /// There was no answer, or none that may be used.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// The server has said no, or something that is no answer to this.
    #[error("{0}")]
    Refused(Box<Refusal>),
}

/// Asks for keys; a server that is not ready is asked again.
pub(crate) async fn exchange(request: &Request<'_>, client: &Client) -> Result<Granted, StsError> {
    let ask = async || {
        let request = request.to_http()?;
        Ok::<_, StsError>(client.send_patiently(request, Patience::USUAL).await?)
    };
    let mut answer = ask().await?;
    // Ceph makes a user of each subject that it meets. Of the first calls, where several come at once,
    // one makes it, and the others are told that it is there.
    if answer.status == StatusCode::CONFLICT {
        answer = ask().await?;
    }
    let server = Server::of_answer(request.url, &answer.headers);
    let refused = |refusal| StsError::Refused(Box::new(refusal));
    if !answer.is_success() {
        return Err(refused(Refusal::of(&answer, server)));
    }
    match answer::credentials(&answer.body) {
        Ok(credentials) => Ok(Granted {
            credentials,
            received: answer.received,
            skew: answer.skew(),
            server,
        }),
        Err(problem) => Err(refused(Refusal::of(&answer, server).because(problem))),
    }
}
