//! Who the store would take the user for: what the token says that stores decide by.

use datalab_core::{
    oidc::Claims,
    report::{Failure, Kind, Outcome, printable, whole_seconds},
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    bearer::{Bearer, HowToLogIn},
    desk::Desk,
    issue,
    source::{Place, Source, TokenKind, places},
    trust,
};

/// Claims that stores decide by.
const DECIDING: [&str; 4] = ["policy", "groups", "roles", "resource_access"];

/// What the token says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    username: String,
    subject: String,
    issuer: String,
    /// Which token goes to the store.
    token: &'static str,
    audiences: Vec<String>,
    authorized_party: Option<String>,
    expires: Option<Timestamp>,
    /// What stores decide by, as far as the token has it.
    claims: serde_json::Map<String, serde_json::Value>,
}

/// Looks at the token that would be sent.
pub(crate) async fn whoami(
    source: &Source,
    how: HowToLogIn,
    desk: &Desk<'_>,
) -> Result<Identity, Failure> {
    let place = place(source, how, desk).await?;
    trust::ensure(&place, source, desk).await?;
    let bearer = Bearer::choose(source, place.login.as_ref(), how, desk)?;
    let token = bearer.token().await?;
    let claims = Claims::unchecked(token.expose()).ok_or_else(|| {
        Failure::new(
            Kind::Failed,
            "the token is opaque: only its issuer reads it",
        )
    })?;
    let mut deciding = claims.all().clone();
    deciding.retain(|name, _| DECIDING.contains(&name.as_str()));
    Ok(Identity {
        username: claims.username().to_owned(),
        subject: claims.subject().to_owned(),
        issuer: claims.issuer().to_owned(),
        token: match (&bearer, source.token_kind) {
            (Bearer::Token(..), _) => "given",
            (Bearer::Session(_), TokenKind::Access) => "access",
            (Bearer::Session(_), TokenKind::Id) => "id",
        },
        audiences: claims.audiences().into_iter().map(str::to_owned).collect(),
        authorized_party: claims.text("azp").map(str::to_owned),
        expires: claims.expires(),
        claims: deciding,
    })
}

/// A store that the token would be sent to. The role matters only where it decides who is asked for
/// the token: also those look here for whom the platform has no role.
async fn place(source: &Source, how: HowToLogIn, desk: &Desk<'_>) -> Result<Place, Failure> {
    let mut places = places(source, desk).await?;
    places.retain(|place| place.sts_url.is_some());
    let same = places.windows(2).all(|two| two[0].login == two[1].login);
    let place = match (&source.profile, places.is_empty()) {
        (_, true) => None,
        (None, false) if same => places.into_iter().next(),
        _ => {
            let candidates = issue::candidates(source, how, desk).await?;
            Some(issue::choose(candidates, source, desk)?.place)
        }
    };
    place
        .filter(|place| place.sts_url.is_some())
        .ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                "this store has no temporary keys, and so asks for no token",
            )
        })
}

impl Outcome for Identity {
    const KIND: &'static str = "S3Identity";

    fn text(&self, _wide: bool) -> String {
        let mut lines = Vec::new();
        let mut line = |name: &str, value: &str| {
            lines.push(format!("{name:<9} {}", printable(value).replace('\n', " ")));
        };
        line("user", &format!("{} ({})", self.username, self.subject));
        line("issuer", &self.issuer);
        line("token", self.token);
        let audiences = match self.audiences.is_empty() {
            true => "nobody (no aud)".to_owned(),
            false => self.audiences.join(", "),
        };
        line("for", &audiences);
        line("by client", self.authorized_party.as_deref().unwrap_or("-"));
        if let Some(expires) = self.expires {
            line("until", &whole_seconds(expires));
        }
        for (name, value) in &self.claims {
            line(name, &value.to_string());
        }
        lines.join("\n")
    }

    fn names(&self) -> Vec<String> {
        vec![format!("user/{}", self.username)]
    }
}
