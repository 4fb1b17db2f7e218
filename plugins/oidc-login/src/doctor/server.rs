//! What the API server itself says.

use datalab_core::{
    oidc::{Familiarity, Obtained},
    report::{Failure, Finding, Verdict},
};

use crate::{
    api_server::{self, View},
    args::SessionArgs,
    choice::Choice,
    desk::Desk,
};

pub(super) async fn look(
    choice: &Choice,
    args: &SessionArgs,
    obtained: &Obtained,
    desk: &Desk<'_>,
) -> Vec<Finding> {
    let connection = match api_server::of_context(args, desk.world) {
        Ok(connection) => connection,
        Err(failure) => {
            return vec![Finding::new(
                "server",
                Verdict::Unknown,
                format!("not asked: {}", failure.problem()),
            )];
        }
    };
    let server = &connection.server;
    let destination = api_server::destination(&connection);
    let identity = &choice.identity;
    let familiarity =
        desk.known
            .familiarity(&identity.issuer, &identity.client_id, Some(&destination));
    if familiarity != Familiarity::Known {
        return vec![Finding::new(
            "server",
            Verdict::Unknown,
            format!(
                "not asked: a token of this issuer has not gone to {server} before, or not by this way"
            ),
        )];
    }
    match api_server::review(&connection, &obtained.id_token, desk.world).await {
        Ok(View::User(user)) => vec![Finding::new(
            "server",
            Verdict::Ok,
            format!(
                "{server} accepts the token, as {} ({})",
                user.username,
                user.groups.join(", ")
            ),
        )],
        Ok(View::Unauthorized) => vec![
            Finding::new(
                "server",
                Verdict::Wrong,
                format!("{server} does not accept the token (HTTP 401)"),
            )
            .next(
                "ask whoever runs the API server for the lines of its log with \"oidc\": they say why (issuer, audience, expiry, key, a rule)",
            ),
        ],
        Ok(View::Other(status)) => vec![Finding::new(
            "server",
            Verdict::Unknown,
            format!("{server} does not say who asks (HTTP {status})"),
        )],
        Err(failure) => vec![Finding::new(
            "server",
            Verdict::Unknown,
            one_line(&failure),
        )],
    }
}

fn one_line(failure: &Failure) -> String {
    failure
        .to_string()
        .replacen("error: ", "", 1)
        .replace("\n  because: ", ": ")
        .replace('\n', "; ")
}
