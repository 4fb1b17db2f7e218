use std::time::Duration;

use super::{Record, Session, pending::CoolDown, secrets::Secrets, sessions::LOCK};
use crate::oidc::{Error, Provider};

/// A refresh that is under way is over by then; a login that waits for a person is not.
const LOGOUT_LIMIT: Duration = Duration::from_secs(10);

/// What became of a logout.
#[derive(Debug)]
pub struct LoggedOut {
    /// The session that is gone from this machine.
    pub record: Record,
    /// What the provider says; an error when its own session may go on.
    pub provider: Result<(), Error>,
}

impl Session<'_> {
    /// Ends the session here, and then at the provider: its refresh token alone, or the user's
    /// whole login there (`sso`). Here it ends in any case. `None` when there is none.
    ///
    /// # Errors
    /// [`Error`]: it could not be ended here.
    pub async fn log_out(&self, sso: bool) -> Result<Option<LoggedOut>, Error> {
        let Some(folder) = self.folder_if_any()? else {
            return Ok(None);
        };
        let _lock = folder.lock(LOCK, LOGOUT_LIMIT, |_| {}).await?;
        CoolDown::clear(&folder);
        let Some(record) = self.read_in(&folder)? else {
            return Ok(None);
        };
        let secrets = self.secrets(&record);
        let kept = self.kept_provider(&folder);
        self.forget(&folder, &record)?;
        folder.sweep()?;
        // Afterwards, so that an interruption leaves nothing here.
        let provider = match secrets {
            Ok(secrets) => self.tell_provider(&secrets, kept, sso).await,
            Err(error) => Err(error),
        };
        Ok(Some(LoggedOut { record, provider }))
    }

    async fn tell_provider(
        &self,
        secrets: &Secrets,
        kept: Option<Provider>,
        sso: bool,
    ) -> Result<(), Error> {
        let refresh_token = secrets.refresh_token();
        if refresh_token.is_none() && !sso {
            return Ok(());
        }
        let http = self.http()?;
        let provider = match kept {
            Some(provider) => provider,
            None => Provider::discover(&self.identity.issuer, &http).await?,
        };
        let client = self.client_of(provider, &http)?;
        let ended = match sso {
            true => {
                client
                    .end_session(&secrets.id_token(), refresh_token.as_ref())
                    .await
            }
            false => Ok(()),
        };
        match &refresh_token {
            // With the whole login it is over, too.
            Some(_) if sso && ended.is_ok() => ended,
            // The user's other applications go on; this one need not.
            Some(token) => {
                let revoked = client.revoke(token).await;
                ended.and(revoked)
            }
            None => ended,
        }
    }
}
