//! Who one is: by the token, and to the API server.

use datalab_core::{
    oidc::{
        Claims, DeviceCode, Error, Force, LoginOptions, LoginWay, Obtained, Pending, Person, Wanted,
    },
    report::{Failure, Kind, Outcome, whole_seconds},
    words::Secret,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    api_server::{self, UserInfo, View},
    args::SessionArgs,
    choice::Choice,
    desk::Desk,
    get_token::explain,
    refresh::not_logged_in,
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
    token_issued: Option<Timestamp>,
    token_expires: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
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

pub(crate) fn claims(token: &Secret<String>) -> Result<Claims, Failure> {
    Claims::unchecked(token.expose())
        .ok_or_else(|| Failure::new(Kind::Failed, "the session's token is not one"))
}

/// The session's token, exchanged if need be; nobody is asked to log in.
pub(crate) async fn current(choice: &Choice, desk: &Desk<'_>) -> Result<Obtained, Failure> {
    let login = LoginOptions {
        person_is_there: false,
        ..choice.login_for_program(std::time::Duration::ZERO, desk)
    };
    let wanted = Wanted {
        scopes: &choice.scopes,
        force: Force::No,
        login: &login,
    };
    let mut nobody = Nobody {
        issuer: choice.identity.issuer.clone(),
    };
    let obtained = choice.session(desk).obtain(&wanted, &mut nobody).await;
    obtained.map_err(|error| explain(error, choice, desk))
}

/// Whom no login page is shown to.
struct Nobody {
    issuer: String,
}

impl Person for Nobody {
    fn way(&mut self, _: bool) -> Result<LoginWay, Error> {
        Err(Error::LoginNeeded {
            issuer: self.issuer.clone(),
            reason: Some("the session is over".to_owned()),
        })
    }

    fn page(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn code(&mut self, _: &DeviceCode) {}

    fn waiting(&mut self, _: Option<&Pending>, _: Option<u32>) {}

    fn note(&mut self, _: &str) {}
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
            .map(|(name, value)| format!("{name:<13}{}", datalab_core::report::printable(&value)))
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
                text.push(format!(
                    "  {name:<11}{}",
                    datalab_core::report::printable(&value)
                ));
            }
        }
        text.join("\n")
    }

    fn names(&self) -> Vec<String> {
        vec![format!("user/{}", self.username)]
    }
}
