//! Which session is meant.

use std::{path::PathBuf, time::Duration};

use datalab_core::{
    kubeconfig::{Credential, ExecSpec, Overrides, resolve},
    oidc::{Account, Identity, LoginOptions, Session, check_issuer, server_url},
    report::{Failure, Kind, quoted_if_needed},
};

use crate::{args::SessionArgs, desk::Desk, exec_credential::Asked};

/// A session that was chosen, and what it is to be good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) identity: Identity,
    /// Scopes without which its token is of no use.
    pub(crate) scopes: Vec<String>,
    /// Certificate authorities of the issuer, beside the system's.
    pub(crate) authorities: Vec<PathBuf>,
    /// Whether the same question always means the same session, whatever the kubeconfig's current
    /// context is by then.
    pub(crate) settled: bool,
}

impl Choice {
    /// The session that the command line names; else that of the kubeconfig's current context,
    /// else the only one there is.
    pub(crate) fn make(args: &SessionArgs, desk: &Desk<'_>) -> Result<Self, Failure> {
        if let Some(choice) = Self::named(args, desk)? {
            return Ok(choice);
        }
        if let Some(choice) = Self::of_context(args, desk)? {
            return Ok(choice);
        }
        let (mut sessions, _) = desk.sessions.all()?;
        if let Some(account) = &args.account {
            sessions.retain(|record| {
                record.username == *account || record.identity.account.0.as_ref() == Some(account)
            });
        }
        match sessions.as_slice() {
            [only] => Ok(Self {
                identity: only.identity.clone(),
                scopes: Vec::new(),
                authorities: only.authorities.clone(),
                settled: false,
            }),
            [] => Err(Failure::new(
                Kind::NotFound,
                "no login is meant: the kubeconfig's current context has none, and there is no session",
            )
            .next(format!("{} setup --help", desk.name))),
            several => {
                let mut failure = Failure::new(Kind::NotFound, "several logins could be meant");
                for record in several {
                    failure = failure.detail(record.identity.to_string());
                }
                Err(failure.next(format!("{} list", desk.name)))
            }
        }
    }

    /// The session for what kubectl asks: as the command line names it; else the one whose tokens
    /// go to that server; else as [`make`](Self::make) has it.
    pub(crate) fn for_kubectl(
        args: &SessionArgs,
        asked: &Asked,
        desk: &Desk<'_>,
    ) -> Result<Self, Failure> {
        if args.issuer.is_none()
            && let Some(server) = &asked.server
        {
            let known = desk.known.issuers.iter();
            let mut of_server = known.filter(|known| known.has_url(server_url(server).0));
            if let (Some(only), None) = (of_server.next(), of_server.next()) {
                let args = SessionArgs {
                    issuer: Some(only.issuer.clone()),
                    client_id: Some(only.client_id.clone()),
                    ..args.clone()
                };
                if let Some(choice) = Self::named(&args, desk)? {
                    return Ok(choice);
                }
            }
        }
        Self::make(args, desk)
    }

    /// The one that is named, at least by its issuer.
    pub(crate) fn named(args: &SessionArgs, desk: &Desk<'_>) -> Result<Option<Self>, Failure> {
        let Some(issuer) = &args.issuer else {
            return Ok(None);
        };
        check_issuer(issuer)?;
        let client_id = match &args.client_id {
            Some(id) => id.clone(),
            None => only_client(issuer, desk)?,
        };
        for (name, text) in [
            ("client id", Some(&client_id)),
            ("account", args.account.as_ref()),
        ] {
            // It could say something of its own in a question.
            if text.is_some_and(|text| text.chars().any(|c| c.is_control() || c.is_whitespace())) {
                let problem = format!("the {name} holds blanks or control characters");
                return Err(Failure::new(Kind::Usage, problem));
            }
        }
        let known = desk.known.find(issuer, &client_id);
        // Kept for calls from other folders.
        let absolute = |file: &PathBuf| std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let mut authorities: Vec<_> = args.issuer_ca.iter().map(absolute).collect();
        if authorities.is_empty() {
            authorities.extend(known.and_then(|known| known.certificate_authority.clone()));
        }
        Ok(Some(Self {
            identity: Identity {
                issuer: issuer.clone(),
                client_id,
                account: Account(args.account.clone()),
            },
            scopes: args.scopes.clone(),
            authorities,
            settled: args.client_id.is_some(),
        }))
    }

    /// The one that the kubeconfig's context runs this program for.
    fn of_context(args: &SessionArgs, desk: &Desk<'_>) -> Result<Option<Self>, Failure> {
        let overrides = Overrides {
            kubeconfig: args.kubeconfig.clone(),
            context: args.context.clone(),
            ..Overrides::default()
        };
        let asked_for = args.kubeconfig.is_some() || args.context.is_some();
        let connection = match resolve(&overrides, desk.world) {
            Ok(connection) => connection,
            // Without a word of a kubeconfig, a broken one is no reason to fail.
            Err(error) if asked_for => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let found = match &connection.credential {
            Credential::Exec(spec) => of_entry(spec),
            _ => None,
        };
        match found {
            Some(mut found) => {
                if let Some(account) = &args.account {
                    found.account = Some(account.clone());
                }
                Ok(Self::named(&found, desk)?.map(|choice| Self {
                    settled: false,
                    ..choice
                }))
            }
            None if asked_for => Err(Failure::new(
                Kind::NotFound,
                "this kubeconfig context logs in by other means",
            )
            .next(format!("{} setup --help", desk.name))),
            None => Ok(None),
        }
    }

    /// How a command line names it, to be pasted into a shell. A kubeconfig can come from a
    /// stranger, and so can every word of it.
    pub(crate) fn words(&self, desk: &Desk<'_>) -> String {
        let Identity {
            issuer,
            client_id,
            account,
        } = &self.identity;
        let mut words = vec![
            ("--issuer", issuer.clone()),
            ("--client-id", client_id.clone()),
        ];
        words.extend(account.0.clone().map(|account| ("--account", account)));
        let known = desk.known.find(issuer, client_id);
        let known = known.and_then(|known| known.certificate_authority.as_ref());
        let authority = self.authorities.first().filter(|file| Some(*file) != known);
        words.extend(authority.map(|file| ("--issuer-ca", file.display().to_string())));
        let words = words
            .iter()
            .map(|(flag, value)| format!("{flag} {}", quoted_if_needed(value)));
        words.collect::<Vec<_>>().join(" ")
    }

    /// The session itself.
    pub(crate) fn session<'w>(&self, desk: &Desk<'w>) -> Session<'w> {
        desk.sessions.session(&self.identity, &self.authorities)
    }

    /// How to log in for a program that needs a token, if that is needed.
    pub(crate) fn login_for_program(&self, limit: Duration, desk: &Desk<'_>) -> LoginOptions {
        let Identity {
            issuer, client_id, ..
        } = &self.identity;
        LoginOptions {
            scopes: desk.known.login_scopes(issuer, client_id, &self.scopes),
            limit,
            deliberate: false,
            anew: false,
            person_is_there: desk.world.streams().talk_is_terminal(),
        }
    }

    /// How to log in for a person who has come to.
    pub(crate) fn login_for_person(&self, limit: Duration, desk: &Desk<'_>) -> LoginOptions {
        LoginOptions {
            deliberate: true,
            person_is_there: true,
            ..self.login_for_program(limit, desk)
        }
    }
}

/// What a kubeconfig's user entry runs, if it is this program.
pub(crate) fn of_entry(spec: &ExecSpec) -> Option<SessionArgs> {
    let words = &spec.arguments;
    let verb = words.iter().position(|word| word == "get-token")?;
    SessionArgs::read(&words[verb + 1..]).filter(|args| args.issuer.is_some())
}

/// The client of an issuer, when only one is known.
fn only_client(issuer: &str, desk: &Desk<'_>) -> Result<String, Failure> {
    let clients: Vec<_> = desk
        .known
        .issuers
        .iter()
        .filter(|known| known.issuer == issuer)
        .map(|known| &known.client_id)
        .collect();
    match clients.as_slice() {
        [only] => Ok((*only).clone()),
        _ => Err(Failure::new(
            Kind::Usage,
            format!("which client of {issuer} is meant is not said: --client-id"),
        )),
    }
}
