//! Who one is: by the token, and to the API server.

use datalab_core::report::{Failure, Kind, Outcome, in_seconds, printable, whole_seconds};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    api_server::{self, UserInfo, View},
    args::SessionArgs,
    choice::Choice,
    current::{claims, current},
    desk::Desk,
    explain::{explain, not_logged_in},
    trust::{self, Destination},
};

/// Who one is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Whoami {
    username: String,
    subject: String,
    groups: Vec<String>,
    issuer: String,
    client_id: String,
    audiences: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "in_seconds")]
    token_issued: Option<Timestamp>,
    #[serde(serialize_with = "in_seconds")]
    token_expires: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "in_seconds")]
    session_ends: Option<Timestamp>,
    /// Who the API server says one is, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Seen>,
}

/// What an API server says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    server: String,
    user: UserInfo,
}

/// Reads the session's token; with `asks_server`, shows it to the API server too.
pub(crate) async fn whoami(
    choice: &Choice,
    args: &SessionArgs,
    asks_server: bool,
    desk: &Desk<'_>,
) -> Result<Whoami, Failure> {
    let kept = choice.session(desk).kept();
    let kept = kept.map_err(|error| explain(error, choice, desk))?;
    let Some(kept) = kept else {
        return Err(not_logged_in(choice, desk));
    };
    let (obtained, server) = match asks_server {
        false => (kept, None),
        true => {
            let connection = api_server::of_context(args, desk.world)?;
            let destination = api_server::destination(&connection);
            let destination = Destination::Server(Some(&destination));
            trust::ensure(choice, destination, true, desk).await?;
            let current = current(choice, desk).await?;
            let view = api_server::review(&connection, &current.id_token, desk.world).await?;
            let user = match view {
                View::User(user) => user,
                View::Unauthorized => {
                    return Err(Failure::new(
                        Kind::Refused,
                        format!("{} does not accept the token (HTTP 401)", connection.server),
                    )
                    .next(format!("{} doctor", desk.name)));
                }
                View::Other(status) => {
                    return Err(Failure::new(
                        Kind::Refused,
                        format!(
                            "{} does not say who asks (HTTP {status})",
                            connection.server
                        ),
                    ));
                }
            };
            let server = connection.server;
            (current, Some(Seen { server, user }))
        }
    };
    let claims = claims(&obtained.id_token)?;
    let texts = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
    Ok(Whoami {
        username: claims.username().to_owned(),
        subject: claims.subject().to_owned(),
        groups: texts(claims.list("groups")),
        issuer: claims.issuer().to_owned(),
        client_id: obtained.record.identity.client_id.clone(),
        audiences: texts(claims.audiences()),
        token_issued: claims.time("iat"),
        token_expires: obtained.record.expires,
        session_ends: obtained.record.ends,
        server,
    })
}

impl Outcome for Whoami {
    const KIND: &'static str = "Whoami";

    fn text(&self, wide: bool) -> String {
        let list = |items: &[String]| match items {
            [] => "(none)".to_owned(),
            items => items.join(", "),
        };
        let mut lines = vec![
            ("user", self.username.clone()),
            ("groups", list(&self.groups)),
            ("issuer", self.issuer.clone()),
            ("client", self.client_id.clone()),
            ("audience", list(&self.audiences)),
            ("token until", whole_seconds(self.token_expires)),
            (
                "session ends",
                self.session_ends
                    .map_or_else(|| "not told".to_owned(), whole_seconds),
            ),
        ];
        if wide {
            lines.insert(1, ("subject", self.subject.clone()));
        }
        let mut text: Vec<_> = lines
            .into_iter()
            .map(|(name, value)| format!("{name:<13}{}", printable(&value)))
            .collect();
        if let Some(Seen { server, user }) = &self.server {
            let mut seen = vec![
                ("user", user.username.clone()),
                ("groups", list(&user.groups)),
            ];
            if wide {
                seen.push(("uid", user.uid.clone()));
                for (key, values) in &user.extra {
                    seen.push(("extra", format!("{key}: {}", values.join(", "))));
                }
            }
            text.push(format!("to {server}:"));
            for (name, value) in seen {
                text.push(format!("  {name:<11}{}", printable(&value)));
            }
        }
        text.join("\n")
    }

    fn names(&self) -> Vec<String> {
        vec![format!("user/{}", self.username)]
    }
}
