use datalab_core::report::{Failure, Kind, quoted_if_needed};

use super::{Facts, Scene};
use crate::{span::in_words, sts::Refusal};

impl Scene<'_> {
    /// The token itself is too old, too new, or none.
    pub(super) fn token_is_bad(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        let with_clock = |failure: Failure| match facts.clock() {
            Some(clock) => failure.detail(clock),
            None => failure,
        };
        let compare_clocks = |failure: Failure| {
            failure
                .detail("the time here and where the server runs has to be the same")
                .next("date -u")
        };
        if let Some(since) = facts.expired_for() {
            let ago = in_words(since.as_secs().unsigned_abs());
            // A new token would be as old to it.
            if let (Some(clock), false) = (facts.clock(), facts.expired_here(self.now)) {
                let cause = format!("by its clock the token expired {ago} ago");
                let failure = self.no(Kind::Refused, &cause);
                return Some(compare_clocks(
                    failure.detail(refusal.to_string()).detail(clock),
                ));
            }
            let failure = self.no(Kind::Refused, &format!("the token expired {ago} ago"));
            return Some(self.go_on_with_a_token(with_clock(failure.detail(refusal.to_string()))));
        }
        if refusal.code().starts_with("ExpiredToken")
            || refusal.says(&["token is expired", "token expired", "token has expired"])
        {
            let failure = self.no(Kind::Refused, "by its clock the token has expired");
            let failure = with_clock(failure.detail(refusal.to_string()).detail(facts.token()));
            return Some(compare_clocks(
                failure.detail("MinIO allows no difference between two clocks"),
            ));
        }
        if let Some(left) = facts.good_in() {
            let seconds = in_words(left.as_secs().unsigned_abs());
            let cause = format!("the token is good in {seconds} only, by its clock");
            let failure = self.no(Kind::Refused, &cause);
            return Some(compare_clocks(with_clock(
                failure.detail(refusal.to_string()),
            )));
        }
        if facts.claims.is_none() {
            return Some(self.no(Kind::Usage, "what it was given is no token (a JWT)"));
        }
        None
    }

    fn go_on_with_a_token(&self, failure: Failure) -> Failure {
        match self.login.filter(|_| self.token_kind.is_some()) {
            Some(login) => failure.next(format!(
                "{} login --issuer {} --client-id {}",
                self.oidc_login,
                quoted_if_needed(&login.issuer),
                quoted_if_needed(&login.client_id)
            )),
            None => failure.next("the same command with a token that is still good"),
        }
    }
}
