//! A token for another tool: of the same session, and for one service.

use std::time::Duration;

use datalab_core::{
    login::{Flow, Terminal},
    oidc::{Error, Force, Identity, Wanted},
    report::{Failure, Kind},
};

use crate::{
    choice::Choice,
    desk::Desk,
    explain::{explain, refuse_screen},
};

/// Which token.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Whom it is for: a known audience, else the name of a scope.
    pub(crate) audience: String,
    pub(crate) flow: Flow,
    pub(crate) login_limit: Duration,
    pub(crate) show_secret: bool,
}

/// Gets it, and returns it with a newline.
pub(crate) async fn token(
    choice: &Choice,
    request: &Request,
    desk: &Desk<'_>,
) -> Result<String, Failure> {
    refuse_screen(request.show_secret, desk)?;
    let Identity {
        issuer, client_id, ..
    } = &choice.identity;
    let known = desk.known.find(issuer, client_id);
    let audience = known.and_then(|known| {
        let mut audiences = known.audiences.iter();
        audiences.find(|audience| audience.name == request.audience)
    });
    let mut choice = choice.clone();
    let own_client = audience.and_then(|audience| audience.client_id.clone());
    if let Some(client_id) = &own_client {
        choice.identity.client_id.clone_from(client_id);
        choice.scopes.clear();
    }
    let scope = match audience {
        Some(audience) => audience.scope.clone(),
        None => Some(request.audience.clone()),
    };
    choice.scopes.extend(scope);
    let session = choice.session(desk);
    if own_client.is_some() && session.read()?.is_none() {
        desk.world.streams().talk(&format!(
            "{} has a client of its own, {}: one more round in the browser that is logged in",
            request.audience, choice.identity.client_id
        ));
    }
    let login = choice.login_for_program(request.login_limit, desk);
    let wanted = Wanted {
        scopes: &choice.scopes,
        force: Force::No,
        login: &login,
    };
    let mut person = Terminal::new(desk.world, issuer, request.flow);
    let token = session
        .audience_token(&request.audience, &wanted, &mut person)
        .await;
    let token = token.map_err(|error| match &error {
        Error::Refused { code, .. } if code == "invalid_scope" && audience.is_none() => {
            Failure::new(
                Kind::Refused,
                format!("{issuer} knows no audience {}", request.audience),
            )
            .caused_by(&error)
            .detail("an audience that is neither a scope nor known is told by setup")
            .next(format!(
                "{} setup --issuer {issuer} --client-id {client_id} --audience {}=SCOPE --server URL",
                desk.name, request.audience
            ))
        }
        _ => explain(error, &choice, desk),
    })?;
    Ok(format!("{}\n", token.token().expose()))
}
