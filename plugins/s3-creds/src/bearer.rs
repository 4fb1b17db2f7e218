//! Whose keys they are to be: a login that all tools share, or a token that the user brings.

use std::{path::Path, time::Duration};

use data_encoding::HEXLOWER;
use datalab_core::{
    login::{Flow, Terminal},
    oidc::{
        Account, Audience, Claims, Error, Force, Identity, LoginOptions, Session, Wanted,
        check_issuer,
    },
    onyxia,
    report::{Failure, Kind, quoted_if_needed},
    words::Secret,
    world::read_text,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    desk::Desk,
    source::{Source, TokenKind, TokenSource},
};

/// What is known of an audience of this name goes for object storage.
const AUDIENCE: &str = "s3";

/// Claims that differ between two tokens of one login.
const VOLATILE: [&str; 12] = [
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "acr",
    "typ",
    "allowed-origins",
];

/// How to log in, if that is needed.
#[derive(Clone, Copy, Debug)]
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

/// A login that all tools share.
#[derive(Debug)]
pub(crate) struct SharedLogin<'d> {
    desk: &'d Desk<'d>,
    session: Session<'d>,
    /// What the token for the store is kept under, in the session.
    audience: String,
    /// Scopes without which its token is of no use to the store.
    scopes: Vec<String>,
    kind: TokenKind,
    how: HowToLogIn,
    /// Whether the user has a login at the same issuer already, with another client.
    has_other_client: bool,
}

/// What keys are bound to: whoever they were given to, as the identity provider described them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Binding {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) username: String,
    /// When the user logged in, where there is a login.
    pub(crate) logged_in: Option<Timestamp>,
    /// A digest of what the token says of them: groups and policies.
    pub(crate) described: String,
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
            TokenSource::Stdin => desk.world.streams().all_input().map_err(|error| {
                Failure::new(Kind::Failed, "standard input cannot be read").caused_by(&error)
            })?,
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
                format!(
                    "{} {}",
                    login.session.identity().file_name(),
                    login.kind.name()
                )
            }
        }
    }
}

fn described(claims: &Claims) -> String {
    let mut stable = claims.all().clone();
    stable.retain(|name, _| !VOLATILE.contains(&name.as_str()));
    let mut digest = Sha256::new();
    let mut names: Vec<_> = stable.iter().collect();
    names.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in names {
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(value.to_string().as_bytes());
        digest.update([0]);
    }
    HEXLOWER.encode(&digest.finalize()[..16])
}

impl<'d> SharedLogin<'d> {
    fn choose(
        source: &Source,
        login: &onyxia::Login,
        how: HowToLogIn,
        desk: &'d Desk<'d>,
    ) -> Result<Self, Failure> {
        check_issuer(&login.issuer)?;
        let of_issuer = || {
            let known = desk.known.issuers.iter();
            known.filter(|known| known.issuer == login.issuer)
        };
        // A login that was set up for several services: the store's own is one scope of it.
        let by_scope = of_issuer()
            .filter(|known| known.client_id == login.client_id)
            .find_map(|known| {
                let mut audiences = known.audiences.iter();
                audiences.find(|audience| audience.name == AUDIENCE)
            })
            .and_then(|audience: &Audience| audience.scope.clone());
        let mut scopes = login.scopes.clone();
        scopes.extend(by_scope.filter(|scope| !login.scopes.contains(scope)));
        let mut authorities: Vec<_> = source.issuer_ca.iter().cloned().collect();
        if authorities.is_empty() {
            let known = of_issuer().find_map(|known| known.certificate_authority.clone());
            // One authority signs for all of a platform, more often than not.
            authorities.extend(known.or_else(|| source.ca_file.clone()));
        }
        let (sessions, _) = desk.sessions.all()?;
        let mut accounts = sessions.iter().filter(|record| {
            record.identity.issuer == login.issuer
                && record.identity.client_id == login.client_id
                && source.account.as_ref().is_none_or(|account| {
                    record.username == *account
                        || record.identity.account.0.as_ref() == Some(account)
                })
        });
        let account = match (accounts.next(), accounts.next()) {
            (Some(only), None) => only.identity.account.clone(),
            (None, _) => Account(source.account.clone()),
            (Some(_), Some(_)) => {
                let named = sessions.iter().filter(|record| {
                    record.identity.issuer == login.issuer
                        && record.identity.client_id == login.client_id
                });
                return Err(named.fold(
                    Failure::new(Kind::NotFound, "several logins could be meant"),
                    |failure, record| {
                        failure.next(format!(
                            "the same command with --account {}",
                            quoted_if_needed(&record.username)
                        ))
                    },
                ));
            }
        };
        let identity = Identity {
            issuer: login.issuer.clone(),
            client_id: login.client_id.clone(),
            account,
        };
        let has_other_client = sessions.iter().any(|record| {
            record.identity.issuer == login.issuer && record.identity.client_id != login.client_id
        });
        Ok(Self {
            desk,
            session: desk.sessions.session(&identity, &authorities),
            audience: match scopes.is_empty() {
                true => AUDIENCE.to_owned(),
                false => format!("{AUDIENCE} {}", scopes.join(" ")),
            },
            scopes,
            kind: source.token_kind,
            how,
            has_other_client,
        })
    }

    async fn claims(&self) -> Result<Claims, Failure> {
        let kept = match self.session.kept() {
            Ok(kept) => kept,
            // Its key is gone: a new login makes another one.
            Err(Error::Seal(error)) if error.is_lost() => None,
            Err(error) => return Err(self.explain(error)),
        };
        let id_token = match kept {
            Some(kept) => kept.id_token,
            None => self.id_token().await?,
        };
        Claims::unchecked(id_token.expose())
            .ok_or_else(|| Failure::new(Kind::Failed, "the login's token cannot be understood"))
    }

    async fn token(&self) -> Result<Secret<String>, Failure> {
        if self.kind == TokenKind::Id {
            return self.id_token().await;
        }
        let login = self.login_options();
        let mut person = self.person()?;
        let token = self
            .session
            .audience_token(&self.audience, &self.wanted(&login), &mut person)
            .await
            .map_err(|error| self.explain(error))?;
        Ok(token.token())
    }

    async fn id_token(&self) -> Result<Secret<String>, Failure> {
        let login = self.login_options();
        let mut person = self.person()?;
        let obtained = self
            .session
            .obtain(&self.wanted(&login), &mut person)
            .await
            .map_err(|error| self.explain(error))?;
        Ok(obtained.id_token)
    }

    fn wanted<'a>(&'a self, login: &'a LoginOptions) -> Wanted<'a> {
        Wanted {
            scopes: &self.scopes,
            force: Force::No,
            login,
        }
    }

    /// A login asks at once for what all services behind the same client need.
    fn login_options(&self) -> LoginOptions {
        let identity = self.session.identity();
        let mut scopes = self.scopes.clone();
        let known = self.desk.known.find(&identity.issuer, &identity.client_id);
        let audiences = known.into_iter().flat_map(|known| &known.audiences);
        for scope in audiences.filter_map(|audience| audience.scope.as_ref()) {
            if !scopes.contains(scope) {
                scopes.push(scope.clone());
            }
        }
        LoginOptions {
            scopes,
            limit: self.how.limit,
            deliberate: false,
            anew: false,
            person_is_there: self.desk.world.streams().talk_is_terminal(),
        }
    }

    fn person(&self) -> Result<Terminal<'d>, Failure> {
        let identity = self.session.identity();
        if self.has_other_client && self.session.read()?.is_none() {
            self.desk.world.streams().talk(&format!(
                "object storage has a client of its own, {}: one more round in the browser that is logged in",
                datalab_core::report::printable(&identity.client_id)
            ));
        }
        Ok(Terminal::new(
            self.desk.world,
            &identity.issuer,
            self.how.flow,
        ))
    }

    /// Adds the command that goes on from a failed login.
    fn explain(&self, error: Error) -> Failure {
        let Identity {
            issuer,
            client_id,
            account,
        } = self.session.identity();
        let mut login = format!(
            "{} login --issuer {} --client-id {}",
            self.desk.oidc_login(),
            quoted_if_needed(issuer),
            quoted_if_needed(client_id)
        );
        if let Some(account) = &account.0 {
            login.push_str(&format!(" --account {}", quoted_if_needed(account)));
        }
        let needs_login = matches!(
            error,
            Error::LoginNeeded { .. }
                | Error::NotFinished { .. }
                | Error::CodeExpired
                | Error::Denied { .. }
                | Error::Session { .. }
                | Error::LoginElsewhere { .. }
        );
        let failure = Failure::from(error);
        match needs_login {
            true => failure.next(login),
            false => failure,
        }
    }
}

/// Whether a path is the same file, wherever the command runs.
pub(crate) fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
