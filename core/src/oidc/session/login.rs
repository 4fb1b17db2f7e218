use std::time::Duration;

use jiff::Timestamp;

use super::{
    Pending, Person, Record, Session,
    pending::{Asked, CoolDown},
    reply::remove_replies,
    secrets::Secrets,
    sessions::SESSION,
};
use crate::{
    oidc::{Client, Error, Tokens, code_flow, device_flow},
    report::whole_seconds,
    store::Folder,
};

/// How somebody logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginWay {
    /// In a browser of this machine.
    Browser,
    /// With a code, on any device.
    Device,
}

/// How a login is to be done, if one is needed.
#[derive(Clone, Debug)]
pub struct LoginOptions {
    /// What to ask for beside `openid`: all that the session may be needed for.
    pub scopes: Vec<String>,
    /// How long a person may take.
    pub limit: Duration,
    /// Whether the user asked for it, rather than a program.
    pub deliberate: bool,
    /// Whether a password is asked for although the browser is logged in.
    pub anew: bool,
    /// Whether a person sits at a terminal.
    pub person_is_there: bool,
}

/// Removes what tells others of a login that waits, however the waiting ends.
struct Announced<'a>(&'a Folder);

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        Pending::clear(self.0);
    }
}

impl Session<'_> {
    /// Has a person log in. Only for who holds the session's lock.
    pub(super) async fn log_in(
        &self,
        folder: &Folder,
        options: &LoginOptions,
        since: Timestamp,
        person: &mut dyn Person,
    ) -> Result<(Record, Secrets), Error> {
        if options.deliberate {
            CoolDown::clear(folder);
        } else if let Some(reason) =
            CoolDown::forbids(folder, since, options.person_is_there, self.world)
        {
            return Err(self.login_needed(Some(format!("the last login failed ({reason})"))));
        }
        let mut asked = Asked::Nobody;
        let result = self.logged_in(folder, options, &mut asked, person).await;
        match &result {
            Ok(_) => CoolDown::clear(folder),
            Err(Error::LoginNeeded { .. }) => {}
            Err(error) => CoolDown::write(folder, error, asked, self.world),
        }
        result
    }

    async fn logged_in(
        &self,
        folder: &Folder,
        options: &LoginOptions,
        asked: &mut Asked,
        person: &mut dyn Person,
    ) -> Result<(Record, Secrets), Error> {
        // Before a person is troubled: whether what they do can be kept.
        let earlier = match self.read_in(folder) {
            // None of ours: it is replaced.
            Err(Error::Session { .. }) => None,
            read => read?,
        };
        let options = &LoginOptions {
            scopes: scopes(options, earlier.as_ref()),
            ..options.clone()
        };
        let room = folder.reserve(SESSION, SESSION_LENGTH, self.world)?;
        let sealer = self.new_sealer().await?;
        let http = self.http()?;
        let mut client = self.discovered(folder, &http).await?;
        let way = person.way(client.provider().has_device_flow())?;
        *asked = Asked::Somebody;
        let tokens = match way {
            LoginWay::Browser => {
                self.in_browser(folder, options, &mut client, person)
                    .await?
            }
            LoginWay::Device => self.on_device(folder, options, &mut client, person).await?,
        };
        self.check_account(&tokens)?;
        let (record, secrets) = Record::begin(
            &self.identity,
            earlier,
            &options.scopes,
            self.authorities(),
            &tokens,
            &sealer,
            self.world,
        )?;
        room.commit(&record.to_bytes())?;
        if !record.renewable {
            person.note(&not_renewable(&record));
        }
        // They hold a token of the earlier login, which may have been another person's.
        remove_replies(&record);
        if client.provider_changed() {
            self.keep_provider(folder, &client);
        }
        Ok((record, secrets))
    }

    async fn in_browser(
        &self,
        folder: &Folder,
        options: &LoginOptions,
        client: &mut Client<'_>,
        person: &mut dyn Person,
    ) -> Result<Tokens, Error> {
        let wish = code_flow::Wish {
            scopes: &options.scopes,
            login_hint: self.identity.account.0.as_deref(),
            anew: options.anew,
        };
        let begun = code_flow::Begun::new(client, wish, self.world).await?;
        let _announced = self.announce(folder, begun.url(), None, options.limit);
        person.page(begun.url())?;
        begun.finish(client, options.limit).await
    }

    async fn on_device(
        &self,
        folder: &Folder,
        options: &LoginOptions,
        client: &mut Client<'_>,
        person: &mut dyn Person,
    ) -> Result<Tokens, Error> {
        let begun = device_flow::Begun::new(client, &options.scopes).await?;
        let code = begun.code();
        let limit = options.limit.min(code.lifetime);
        let page = code.page_with_code.as_deref().unwrap_or(&code.page);
        let _announced = self.announce(folder, page, Some(&code.code), limit);
        person.code(&code);
        begun.finish(client, options.limit).await
    }

    fn announce<'f>(
        &self,
        folder: &'f Folder,
        url: &str,
        code: Option<&str>,
        limit: Duration,
    ) -> Announced<'f> {
        let now = self.world.now();
        let pending = Pending {
            url: url.to_owned(),
            code: code.map(str::to_owned),
            until: now.checked_add(limit).unwrap_or(now),
        };
        pending.write(folder, self.world);
        // Whoever is ended now, by an impatient program say, leaves word of it.
        CoolDown::begun(folder, self.world);
        Announced(folder)
    }

    /// A session for a certain account must not begin with another one: a browser that is logged
    /// in does not ask.
    fn check_account(&self, tokens: &Tokens) -> Result<(), Error> {
        let Some(wanted) = &self.identity.account.0 else {
            return Ok(());
        };
        let claims = &tokens.claims;
        let names = [claims.text("preferred_username"), claims.text("email")];
        let fits = names
            .into_iter()
            .flatten()
            .any(|name| name.eq_ignore_ascii_case(wanted));
        match fits || claims.subject() == wanted {
            true => Ok(()),
            false => Err(Error::OtherAccount {
                wanted: wanted.clone(),
                found: claims.username().to_owned(),
            }),
        }
    }

    pub(super) fn login_needed(&self, reason: Option<String>) -> Error {
        Error::LoginNeeded {
            issuer: self.identity.issuer.clone(),
            reason,
        }
    }
}

/// What is asked for: also what an earlier login was good for. Two kubeconfigs that need different
/// scopes would log each other out otherwise. Who logs in deliberately begins anew.
fn scopes(options: &LoginOptions, earlier: Option<&Record>) -> Vec<String> {
    let mut scopes = options.scopes.clone();
    if !options.deliberate {
        let earlier = earlier.into_iter().flat_map(|record| &record.scopes);
        for scope in earlier {
            if !scopes.contains(scope) {
                scopes.push(scope.clone());
            }
        }
    }
    scopes
}

/// What the user can do about a session that ends with its token.
fn not_renewable(record: &Record) -> String {
    let asked = record.scopes.iter().any(|scope| scope == "offline_access");
    format!(
        "the issuer gave no refresh token, so that the next login is due at {}; {}",
        whole_seconds(record.expires),
        match asked {
            false => "setup with --scope offline_access asks for one",
            true => {
                "many issuers give one for offline_access only with setup's --login-parameter prompt=consent"
            }
        }
    )
}

/// Room for a session with some large tokens; they grow with a user's groups.
const SESSION_LENGTH: usize = 32 << 10;
