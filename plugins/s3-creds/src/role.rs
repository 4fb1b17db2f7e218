//! The roles that a platform offers, and what they come to for one user.
//!
//! A role may be a template: a claim of the user's token decides who may have it, once for each of
//! its values that fit, and `$1` and so on stand for what the pattern captured.

use datalab_core::{
    oidc::Claims,
    onyxia::{ClaimPattern, Role},
    report::{Failure, Kind},
};
use regex::{Captures, Regex};

/// Every value counts where a role names no pattern.
const ANY: &str = "^(.+)$";

/// Characters that a role session's name may have everywhere.
const SESSION_NAME: fn(char) -> bool = |c| c.is_ascii_alphanumeric() || "_=,.@-".contains(c);

/// The longest name of a role session.
const LONGEST_SESSION_NAME: usize = 64;

/// A role, as one user may have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// What the platform calls it.
    pub(crate) profile: Option<String>,
    pub(crate) arn: Option<String>,
    pub(crate) session_name: Option<String>,
}

/// Whether anybody's token has to be known to say what these roles come to.
pub(crate) fn need_claims(roles: &[Role]) -> bool {
    roles.iter().any(|role| role.claim.is_some())
}

/// What the roles come to. None at all means one without a name: the store decides by the token.
pub(crate) fn offers(roles: &[Role], claims: Option<&Claims>) -> Result<Vec<Offer>, Failure> {
    if roles.is_empty() {
        return Ok(vec![Offer::default()]);
    }
    let mut offers = Vec::new();
    for role in roles {
        match &role.claim {
            None => offers.push(plain(role)),
            Some(pattern) => offers.extend(fitting(role, pattern, claims)?),
        }
    }
    Ok(offers)
}

fn plain(role: &Role) -> Offer {
    Offer {
        profile: role.profile_name.clone(),
        arn: role.arn.clone(),
        session_name: role.session_name.clone(),
    }
}

fn fitting(
    role: &Role,
    pattern: &ClaimPattern,
    claims: Option<&Claims>,
) -> Result<Vec<Offer>, Failure> {
    let included = compiled(pattern.included.as_deref().unwrap_or(ANY))?;
    let excluded = pattern.excluded.as_deref().map(compiled).transpose()?;
    let values = claims.map(|claims| claims.list(&pattern.name));
    let offers = values.into_iter().flatten().filter_map(|value| {
        if excluded
            .as_ref()
            .is_some_and(|excluded| excluded.is_match(value))
        {
            return None;
        }
        let captures = included.captures(value)?;
        let filled = |template: &Option<String>| {
            template
                .as_ref()
                .map(|template| filled(template, &captures))
        };
        Some(Offer {
            profile: filled(&role.profile_name),
            arn: filled(&role.arn),
            session_name: filled(&role.session_name),
        })
    });
    Ok(offers.collect())
}

fn compiled(pattern: &str) -> Result<Regex, Failure> {
    Regex::new(pattern).map_err(|_| {
        Failure::new(
            Kind::Failed,
            format!("the platform's pattern for a role's claim is not understood: {pattern}"),
        )
        .state("nothing was asked for")
        .next("the same command with --role-arn ARN")
    })
}

/// `$1` to `$9` stand for what was captured.
fn filled(template: &str, captures: &Captures<'_>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let digit = after.chars().next().and_then(|c| c.to_digit(10));
        match digit.filter(|&digit| digit > 0) {
            Some(digit) => {
                let captured = captures.get(digit as usize);
                text.push_str(captured.map_or("", |captured| captured.as_str()));
                rest = &after[1..];
            }
            None => {
                text.push('$');
                rest = after;
            }
        }
    }
    text + rest
}

/// A name for a role session that every server takes: 2 to 64 characters of a small set.
pub(crate) fn session_name(username: &str) -> String {
    let mut name: String = username
        .chars()
        .map(|c| if SESSION_NAME(c) { c } else { '-' })
        .take(LONGEST_SESSION_NAME)
        .collect();
    if name.len() < 2 {
        name.push_str("-s3");
    }
    name
}

/// Whether every server takes this name for a role session.
pub(crate) fn check_session_name(name: &str) -> Result<(), Failure> {
    let fits = (2..=LONGEST_SESSION_NAME).contains(&name.len()) && name.chars().all(SESSION_NAME);
    match fits {
        true => Ok(()),
        false => Err(Failure::new(
            Kind::Usage,
            "a session name has 2 to 64 characters: letters, digits and _=,.@-",
        )
        .state("nothing was asked for")),
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;

    use super::*;

    fn claims(json: &str) -> Claims {
        let payload = BASE64URL_NOPAD.encode(json.as_bytes());
        Claims::unchecked(&format!("e30.{payload}.c2ln")).unwrap()
    }

    fn role(claim: &str, included: Option<&str>, excluded: Option<&str>) -> Role {
        Role {
            profile_name: Some("team-$1".to_owned()),
            arn: Some("arn:aws:iam:::role/$1".to_owned()),
            session_name: Some("$2-$x$".to_owned()),
            claim: Some(ClaimPattern {
                name: claim.to_owned(),
                included: included.map(str::to_owned),
                excluded: excluded.map(str::to_owned),
            }),
        }
    }

    #[test]
    fn one_offer_for_each_value_that_fits() {
        let claims = claims(r#"{"groups":["lab-a","lab-b","other","lab-secret"],"name":"x"}"#);
        let roles = [role("groups", Some("^lab-(.+)$"), Some("secret"))];
        let offers = offers(&roles, Some(&claims)).unwrap();
        let profiles: Vec<_> = offers.iter().filter_map(|o| o.profile.as_deref()).collect();
        assert_eq!(profiles, ["team-a", "team-b"]);
        assert_eq!(offers[0].arn.as_deref(), Some("arn:aws:iam:::role/a"));
        assert_eq!(offers[0].session_name.as_deref(), Some("-$x$"));
    }

    #[test]
    fn no_role_is_one_without_a_name_and_no_claim_none() {
        assert_eq!(offers(&[], None).unwrap(), [Offer::default()]);
        let roles = [role("groups", None, None)];
        assert_eq!(offers(&roles, Some(&claims("{}"))).unwrap(), []);
        assert_eq!(
            offers(&roles, Some(&claims(r#"{"groups":"g"}"#)))
                .unwrap()
                .len(),
            1
        );
        let lookahead = [role("groups", Some("^(?!x)"), None)];
        assert!(offers(&lookahead, None).is_err());
    }

    #[test]
    fn a_session_name_is_one_that_every_server_takes() {
        for (username, name) in [
            ("alice", "alice"),
            ("a", "a-s3"),
            ("", "-s3"),
            ("zoë x/y", "zo--x-y"),
            ("a@b.c", "a@b.c"),
        ] {
            assert_eq!(session_name(username), name, "{username}");
            assert!(check_session_name(name).is_ok(), "{name}");
        }
        assert_eq!(session_name(&"x".repeat(100)).len(), 64);
        for name in ["x", "a b", "a/b", &"x".repeat(65)] {
            assert!(check_session_name(name).is_err(), "{name}");
        }
    }
}
