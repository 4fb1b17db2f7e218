use datalab_core::{
    login::Terminal,
    oidc::{
        Account, Audience, Claims, Error, Force, Identity, LoginOptions, Session, Wanted,
        check_issuer,
    },
    onyxia,
    report::{Failure, Kind, printable, quoted_if_needed},
    words::Secret,
};

use super::HowToLogIn;
use crate::{
    desk::Desk,
    source::{Source, TokenKind},
};

/// What is known of an audience of this name goes for object storage.
const AUDIENCE: &str = "s3";

/// A login that all tools share.
#[derive(Debug)]
pub(crate) struct SharedLogin<'d> {
    desk: &'d Desk<'d>,
    pub(super) session: Session<'d>,
    /// What the token for the store is kept under, in the session.
    pub(super) audience: String,
    /// Scopes without which its token is of no use to the store.
    scopes: Vec<String>,
    pub(super) kind: TokenKind,
    how: HowToLogIn,
    /// Whether the user has a login at the same issuer already, with another client.
    has_other_client: bool,
}

impl<'d> SharedLogin<'d> {
    pub(super) fn choose(
        source: &Source,
        login: &onyxia::Login,
        how: HowToLogIn,
        desk: &'d Desk<'d>,
    ) -> Result<Self, Failure> {
        check_issuer(&login.issuer)?;
        let known = desk.known();
        let of_issuer = || {
            let known = known.issuers.iter();
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
        let logins = desk.sessions()?;
        let (sessions, _) = logins.all()?;
        let of_client = || {
            sessions.iter().filter(|record| {
                record.identity.issuer == login.issuer
                    && record.identity.client_id == login.client_id
            })
        };
        let mut accounts = of_client().filter(|record| {
            source.account.as_ref().is_none_or(|account| {
                record.username == *account || record.identity.account.0.as_ref() == Some(account)
            })
        });
        let account = match (accounts.next(), accounts.next()) {
            (Some(only), None) => only.identity.account.clone(),
            (None, _) => Account(source.account.clone()),
            (Some(_), Some(_)) => {
                return Err(of_client().fold(
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
            session: logins.session(&identity, &authorities),
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

    pub(super) async fn claims(&self) -> Result<Claims, Failure> {
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

    pub(super) async fn token(&self) -> Result<Secret<String>, Failure> {
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
        let Identity {
            issuer, client_id, ..
        } = self.session.identity();
        let known = self.desk.known();
        LoginOptions {
            scopes: known.login_scopes(issuer, client_id, &self.scopes),
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
                printable(&identity.client_id)
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
        let needs_login = error.needs_login();
        let failure = Failure::from(error);
        let failure = match failure.has_state() {
            true => failure,
            false => failure.state("no keys were asked for"),
        };
        match needs_login {
            true => failure.next(login),
            false if failure.kind() == Kind::Unreachable && failure.commands().is_empty() => {
                failure.next("the same command in a minute")
            }
            false => failure,
        }
    }
}
