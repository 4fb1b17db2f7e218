//! What the token says of itself.

use datalab_core::{
    oidc::{Claims, Record},
    report::{Finding, Verdict, whole_seconds},
};
use jiff::{SignedDuration, Timestamp};

use super::expectation::Expectation;

/// An API server gives a token's times no leeway worth the name, and clocks are a little off.
const LEEWAY: SignedDuration = SignedDuration::from_secs(10);

pub(super) fn times(claims: &Claims, record: &Record, now: Timestamp) -> Vec<Finding> {
    let by_issuer = now
        .checked_add(SignedDuration::from_secs(record.skew_seconds))
        .unwrap_or(now);
    let mut findings = Vec::new();
    findings.push(match claims.expires() {
        None => Finding::new(
            "times",
            Verdict::Wrong,
            "the token does not say until when it holds",
        ),
        Some(expires) if expires <= by_issuer => Finding::new(
            "times",
            Verdict::Wrong,
            format!("the token has run out at {}", whole_seconds(expires)),
        ),
        Some(expires) => Finding::new(
            "times",
            Verdict::Ok,
            format!("the token holds until {}", whole_seconds(expires)),
        ),
    });
    for (name, word) in [("iat", "was issued"), ("nbf", "begins")] {
        if let Some(time) = claims.time(name)
            && time.duration_since(by_issuer) > LEEWAY
        {
            findings.push(Finding::new(
                "times",
                Verdict::Wrong,
                format!("the token {word} in the future, at {}", whole_seconds(time)),
            ));
        }
    }
    findings
}

/// Common proxies before an API server take a header of so many bytes, and no more: nginx'
/// `large_client_header_buffers`, Apache's `LimitRequestFieldSize`.
const SMALL_HEADER: usize = 8 << 10;

/// Whether the token is too large for somebody on its way.
pub(super) fn size(token: &str) -> Option<Finding> {
    (token.len() > SMALL_HEADER).then(|| {
        Finding::new(
            "size",
            Verdict::Odd,
            format!(
                "the token has {} kB: an API server takes it, and many a proxy before one takes 8 (400, 431 or 494)",
                token.len().div_ceil(1000)
            ),
        )
        .next("ask whoever runs the issuer for fewer groups in the ID token")
    })
}

/// More groups than these are counted.
const SHOWN: usize = 10;

fn listed(groups: &[&str]) -> String {
    match groups.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", groups[..SHOWN].join(", ")),
        _ => groups.join(", "),
    }
}

/// Whether there are groups, under the name that counts.
pub(super) fn groups(claims: &Claims, expectation: Option<&Expectation>) -> Finding {
    let claim = expectation
        .and_then(|expectation| expectation.groups_claim.as_deref())
        .unwrap_or("groups");
    let groups = claims.list(claim);
    match (groups.as_slice(), claims.all().contains_key(claim)) {
        ([], false) => Finding::new(
            "groups",
            Verdict::Odd,
            format!("the token has no claim {claim:?}: who has rights by a group has none"),
        )
        .next(format!(
            "ask whoever runs the issuer for a mapper of groups to the claim {claim:?} in the ID token (setup --print keycloak-client has one)"
        )),
        ([], true) => Finding::new(
            "groups",
            Verdict::Odd,
            format!("the claim {claim:?} names no group: {} is in none", claims.username()),
        ),
        (groups, _) if groups.iter().any(|group| group.starts_with('/')) => Finding::new(
            "groups",
            Verdict::Odd,
            format!(
                "{}: the names begin with a slash, and a RoleBinding has to say them so (Keycloak: \"Full group path\" of the mapper)",
                listed(groups)
            ),
        ),
        (groups, _) => Finding::new("groups", Verdict::Ok, listed(groups)),
    }
}
