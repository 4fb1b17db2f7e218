use datalab_core::report::{Failure, Kind};

use super::{Facts, Scene};
use crate::{issued::Server, span::in_words, sts::Refusal};

impl Scene<'_> {
    /// What was asked for, beside the token: a policy, a life, a role.
    pub(super) fn asked_wrongly(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        if ["MalformedPolicyDocument", "PackedPolicyTooLarge"].contains(&refusal.code())
            || refusal.says(&["session policy"])
        {
            return Some(
                self.no(Kind::Usage, "it does not take the session policy")
                    .detail(refusal.to_string())
                    .detail("--bucket NAME, alone or with --prefix and --read-only, makes one that servers take")
                    .next("the same command with another --policy FILE"),
            );
        }
        if is_duration(refusal, self.seconds) {
            let cause = format!(
                "keys that live {} are not for this role",
                in_words(self.seconds)
            );
            return Some(
                self.no(Kind::Usage, &cause)
                    .detail(refusal.to_string())
                    .detail("servers allow 15 min to 12 h (MinIO 365 d), and roles an hour unless they were raised")
                    .next("the same command with --duration max")
                    .next("the same command with --duration 1h"),
            );
        }
        let asks_for_role = refusal.says(&["rolearn", "role arn"]);
        let is_mute = refusal.status.as_u16() == 403 && refusal.message.is_none();
        if self.role_arn.is_none() && (asks_for_role || is_mute || self.is(refusal, Server::Aws)) {
            return Some(
                self.no(Kind::Refused, "it wants to be told a role, and none is")
                    .detail(refusal.to_string())
                    .detail("Ceph, AWS and VersityGW give keys for roles; MinIO does without")
                    .detail("the roles of a platform are among its profiles")
                    .next("the same command with --role-arn ARN")
                    .next(self.profiles()),
            );
        }
        let unknown_role = refusal.code() == "NoSuchEntity"
            || refusal.says(&[
                "not authorized to perform sts:assumerolewithwebidentity",
                "role does not exist",
                // SeaweedFS.
                "trust policy",
                // MinIO's parameter.
                "rolearn",
            ]);
        let arn = self.role_arn.filter(|_| unknown_role)?;
        let cause = format!("it has no role {arn}, or the role does not trust this token");
        Some(
            self.no(Kind::Refused, &cause)
                .detail(refusal.to_string())
                .detail(facts.token())
                .next(self.profiles()),
        )
    }
}

/// Whether a server did not like the number of seconds: the next one is worth a try.
pub(crate) fn is_duration(refusal: &Refusal, seconds: u64) -> bool {
    if refusal.status.as_u16() != 400 && refusal.status.as_u16() != 403 {
        return false;
    }
    refusal.says(&["durationseconds", "maxsessionduration", "token expiry"])
        // Ceph says no word about what it does not like.
        || (refusal.code() == "InvalidArgument" && refusal.message.is_none() && seconds > 3600)
}
