use super::{
    AudienceToken, Force, Person, Session, Wanted,
    obtain::SLACK,
    sessions::{LOCK, SESSION},
};
use crate::{http::Patience, oidc::Error};

impl Session<'_> {
    /// A token of the session for one other service, by scopes that make the provider mean it.
    ///
    /// # Errors
    /// As [`obtain`](Self::obtain).
    pub async fn audience_token(
        &self,
        audience: &str,
        wanted: &Wanted<'_>,
        person: &mut dyn Person,
    ) -> Result<AudienceToken, Error> {
        // Nobody is asked to log in while the lock is held for this.
        self.obtain(wanted, person).await?;
        let folder = self.folder()?;
        let lock = folder.lock(LOCK, SLACK, |_| {}).await;
        let _lock = lock.map_err(|error| self.held(&folder, error))?;
        let Some(record) = self.read_in(&folder)? else {
            return Err(self.login_needed(Some("it was logged out meanwhile".to_owned())));
        };
        let Some(mut open) = self.opened(record)? else {
            return Err(self.login_needed(Some("the key of the session is gone".to_owned())));
        };
        if let Some(token) = open.secrets.audiences.get(audience)
            && token.is_fresh(self.world.now())
            && wanted.force == Force::No
        {
            return Ok(token.clone());
        }
        let Some(refresh_token) = open.secrets.refresh_token() else {
            return Err(self.login_needed(Some("the provider gave no refresh token".to_owned())));
        };
        let room = folder.reserve(SESSION, open.length(), self.world)?;
        let http = self.http()?;
        let mut client = self.client(&folder, &http).await?;
        // From here to the file: a provider that rotates has used the old token up.
        let _to_the_end = self.world.defer_interrupts();
        let refreshed = client
            .refresh(&refresh_token, wanted.scopes, Patience::USUAL)
            .await;
        let refreshed = match refreshed {
            Err(error) if error.ends_session() => {
                self.forget(&folder, &open.record)?;
                return Err(self.login_needed(Some(error.to_string())));
            }
            refreshed => refreshed?,
        };
        open.secrets.rotate(refreshed.refresh_token.as_ref());
        let token = refreshed.tokens.and_then(|tokens| {
            let (was, is) = (&open.record.subject, tokens.claims.subject());
            match was == is {
                true => Ok(AudienceToken::new(&tokens)),
                false => Err(Error::OtherAccount {
                    wanted: was.clone(),
                    found: is.to_owned(),
                }),
            }
        });
        if let Ok(token) = &token {
            let audiences = &mut open.secrets.audiences;
            audiences.insert(audience.to_owned(), token.clone());
        }
        // Also when there is none: the old refresh token may be used up.
        room.commit(&open.sealed(self.world)?)?;
        token
    }
}
