//! `doctor`: why an API server does not accept a token. What the token says is held against what
//! issuer and server expect, as far as that can be seen from here; nothing is changed but that a
//! token that has run out is exchanged.

mod expectation;
mod finding;
mod issuer;
mod server;
mod token;

use std::path::PathBuf;

use datalab_core::{
    oidc::Record,
    report::{Failure, Finding, Findings, Verdict, whole_seconds},
};

pub(crate) use finding::Diagnosis;

use crate::{
    args::SessionArgs,
    choice::Choice,
    current::{claims, current},
    desk::Desk,
    explain::{explain, not_logged_in},
};

/// Where the server's expectations are to be read.
#[derive(Debug)]
pub(crate) struct Request {
    /// What the API server is started with.
    pub(crate) authentication_config: Option<PathBuf>,
    /// A platform that tells issuer and client.
    pub(crate) onyxia: Option<String>,
    /// The region of that platform.
    pub(crate) region: Option<String>,
}

/// Looks at everything there is to look at.
///
/// # Errors
/// There is no session, or a file that was named cannot be used.
pub(crate) async fn doctor(
    choice: &Choice,
    args: &SessionArgs,
    request: &Request,
    desk: &Desk<'_>,
) -> Result<Diagnosis, Failure> {
    let expectation = expectation::gather(request, choice, desk).await?;
    let kept = choice.session(desk).kept();
    let Some(kept) = kept.map_err(|error| explain(error, choice, desk))? else {
        return Err(not_logged_in(choice, desk));
    };
    let mut findings = vec![session(&kept.record, desk)];
    let mut obtained = kept;
    if obtained.record.expires <= desk.world.now() {
        match current(choice, desk).await {
            Ok(current) => {
                findings.push(Finding::new(
                    "refresh",
                    Verdict::Ok,
                    "the token had run out, and was exchanged",
                ));
                obtained = current;
            }
            Err(failure) => findings.push(
                Finding::new(
                    "refresh",
                    Verdict::Wrong,
                    format!(
                        "the token has run out, and cannot be exchanged: {}",
                        failure.problem()
                    ),
                )
                .next(format!("{} login", desk.name)),
            ),
        }
    }
    let claims = claims(&obtained.id_token)?;
    findings.extend(token::times(&claims, &obtained.record, desk.world.now()));
    findings.extend(issuer::look(choice, &obtained, desk).await);
    let server = server::look(choice, args, &obtained, desk).await;
    let is_accepted = server.iter().any(|finding| finding.verdict == Verdict::Ok);
    findings.extend(match &expectation {
        Some(expectation) => expectation::compare(expectation, &claims),
        None => vec![expectation::unseen(&claims, is_accepted)],
    });
    findings.push(token::groups(&claims, expectation.as_ref()));
    // It has come through to a server that takes it.
    if !is_accepted {
        findings.extend(token::size(obtained.id_token.expose()));
    }
    findings.extend(server);
    Ok(Diagnosis {
        findings: Findings(findings),
    })
}

fn session(record: &Record, desk: &Desk<'_>) -> Finding {
    let who = format!("{} at {}", record.username, record.identity.issuer);
    match record.ends {
        Some(ends) if ends <= desk.world.now() => Finding::new(
            "session",
            Verdict::Wrong,
            format!("{who}: ended at {}", whole_seconds(ends)),
        )
        .next(format!("{} login", desk.name)),
        _ => Finding::new("session", Verdict::Ok, who),
    }
}
