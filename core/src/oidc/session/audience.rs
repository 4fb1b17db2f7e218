use super::{
    AudienceToken, Force, Person, Session, Wanted, obtain::SLACK, renewal::Open, sessions::LOCK,
};
use crate::{
    http::Patience,
    oidc::{Error, Tokens},
};

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
            return Err(Error::NotOffered {
                issuer: self.identity.issuer.clone(),
                what: "a refresh token to this client, without which there are no tokens for other \
                       services; a login with the scope offline_access may bring one",
            });
        };
        let take = |open: &mut Open, tokens: &Tokens| {
            let (was, is) = (&open.record.subject, tokens.claims.subject());
            if was != is {
                return Err(Error::OtherAccount {
                    wanted: was.clone(),
                    found: is.to_owned(),
                });
            }
            let token = AudienceToken::new(tokens);
            let audiences = &mut open.secrets.audiences;
            audiences.insert(audience.to_owned(), token.clone());
            Ok(token)
        };
        let (scopes, patience) = (Some(wanted.scopes), Patience::USUAL);
        let traded = self
            .trade(&folder, &mut open, &refresh_token, scopes, patience, take)
            .await;
        match traded {
            Err(error) if error.ends_session() => {
                self.forget(&folder, &open.record)?;
                Err(self.login_needed(Some(error.to_string())))
            }
            traded => traded,
        }
    }
}
