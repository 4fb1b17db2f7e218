//! Whose keys they are to be: a login that all tools share, or a token that the user brings.

mod binding;
mod shared_login;

use std::time::Duration;

use datalab_core::{
    login::Flow,
    oidc::{Claims, Session},
    onyxia,
    report::{Failure, Kind},
    words::Secret,
    world::read_text,
};

pub(crate) use self::binding::Binding;
use self::{binding::described, shared_login::SharedLogin};
use crate::{
    desk::Desk,
    source::{Source, TokenSource},
};

/// How to log in, if that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HowToLogIn {
    pub(crate) flow: Flow,
    /// How long a person may take.
    pub(crate) limit: Duration,
}

/// Whoever the keys are for.
#[derive(Debug)]
pub(crate) enum Bearer<'d> {
    Session(Box<SharedLogin<'d>>),
    Token(Secret<String>, Claims),
}

impl<'d> Bearer<'d> {
    /// Whoever the flags name; else whoever is logged in, or will be.
    pub(crate) fn choose(
        source: &Source,
        login: Option<&onyxia::Login>,
        how: HowToLogIn,
        desk: &'d Desk<'d>,
    ) -> Result<Self, Failure> {
        let text = match &source.token {
            TokenSource::Session => {
                let login = login.ok_or_else(|| {
                    Failure::new(Kind::Usage, "where to log in for this store is not said")
                })?;
                return SharedLogin::choose(source, login, how, desk)
                    .map(|login| Self::Session(Box::new(login)));
            }
            TokenSource::Stdin => desk.input()?.to_owned(),
            TokenSource::File(path) => read_text(path)?,
            TokenSource::Variable(name) => {
                let value = desk.world.environment().get(name);
                value
                    .and_then(|value| value.to_str())
                    .unwrap_or_default()
                    .to_owned()
            }
        };
        let token = Secret::new(text.trim().to_owned());
        let claims = Claims::unchecked(token.expose()).ok_or_else(|| {
            let place = match &source.token {
                TokenSource::File(path) => path.display().to_string(),
                TokenSource::Variable(name) => format!("the variable {name}"),
                _ => "standard input".to_owned(),
            };
            Failure::new(
                Kind::Usage,
                format!("{place} holds no token (a JWT, three parts with dots)"),
            )
            .state("nothing was asked for")
        })?;
        Ok(Self::Token(token, claims))
    }

    /// What the identity provider says of them; logs them in if nobody is.
    pub(crate) async fn claims(&self) -> Result<Claims, Failure> {
        match self {
            Self::Token(_, claims) => Ok(claims.clone()),
            Self::Session(login) => login.claims().await,
        }
    }

    /// The token for the token service.
    pub(crate) async fn token(&self) -> Result<Secret<String>, Failure> {
        match self {
            Self::Token(token, _) => Ok(token.clone()),
            Self::Session(login) => login.token().await,
        }
    }

    /// What keys for them are bound to.
    pub(crate) fn binding(&self, claims: &Claims) -> Result<Binding, Failure> {
        let logged_in = match self {
            Self::Token(..) => None,
            Self::Session(login) => login.session.read()?.map(|record| record.logged_in),
        };
        Ok(Binding {
            issuer: claims.issuer().to_owned(),
            subject: claims.subject().to_owned(),
            username: claims.username().to_owned(),
            logged_in,
            described: described(claims),
        })
    }

    /// The session, where it is one.
    pub(crate) fn session(&self) -> Option<&Session<'d>> {
        match self {
            Self::Token(..) => None,
            Self::Session(login) => Some(&login.session),
        }
    }

    /// The identity that keys are kept under.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Token(_, claims) => format!("{} {}", claims.issuer(), claims.subject()),
            Self::Session(login) => {
                // The audience has the scopes in it, by which the provider decides what it says.
                let session = login.session.identity().file_name();
                format!("{session} {} {}", login.kind.name(), login.audience)
            }
        }
    }
}
