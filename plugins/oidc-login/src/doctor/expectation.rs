//! What the API server expects of a token, where that can be seen.

use std::path::Path;

use datalab_core::{
    http::{Client, Options},
    oidc::Claims,
    onyxia::Platform,
    report::{Failure, Finding, Kind, Verdict},
    world::read_text,
};
use serde_json::Value;

use super::Request;
use crate::{
    choice::Choice,
    desk::{Desk, USER_AGENT},
};

/// What the API server expects, and who says so.
#[derive(Debug)]
pub(super) struct Expectation {
    /// Who says so.
    source: String,
    /// Issuers, each with the audiences that count.
    issuers: Vec<Trusted>,
    /// The claim with the groups, of the issuer that counts.
    pub(super) groups_claim: Option<String>,
}

#[derive(Debug, Default)]
struct Trusted {
    url: String,
    audiences: Vec<String>,
    username_claim: Option<String>,
    username_prefix: String,
    /// Claims that must have a value.
    required: Vec<(String, String)>,
    /// Rules in CEL, which are not carried out here.
    expressions: Vec<String>,
}

pub(super) async fn gather(
    request: &Request,
    choice: &Choice,
    desk: &Desk<'_>,
) -> Result<Option<Expectation>, Failure> {
    if let Some(file) = &request.authentication_config {
        return of_file(file, &choice.identity.issuer).map(Some);
    }
    let Some(address) = &request.onyxia else {
        return Ok(None);
    };
    let options = Options {
        user_agent: USER_AGENT.to_owned(),
        authority_files: choice.authorities.clone(),
        ..Options::default()
    };
    let platform = Platform::fetch(&Client::new(&options, desk.world)?, address)
        .await
        .map_err(|error| error.failure("--issuer-ca"))?;
    let region = platform
        .region(request.region.as_deref())
        .map_err(|error| error.failure("--region"))?;
    let login = region
        .kubernetes
        .as_ref()
        .and_then(|kubernetes| kubernetes.login.as_ref());
    Ok(login.map(|login| Expectation {
        source: format!("region {} of {address}", region.id),
        issuers: vec![Trusted {
            url: login.issuer.clone(),
            // The platform's client is the one whose tokens its API server is meant to take.
            audiences: vec![login.client_id.clone()],
            ..Trusted::default()
        }],
        groups_claim: None,
    }))
}

/// <https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/>; v1beta1 and v1alpha1 have
/// the same fields.
fn of_file(file: &Path, issuer: &str) -> Result<Expectation, Failure> {
    let text = read_text(file)
        .map_err(|error| Failure::new(Kind::Usage, error.to_string()).caused_by(&error))?;
    let wrong = |reason: String| {
        Failure::new(
            Kind::Usage,
            format!(
                "{} is no AuthenticationConfiguration: {reason}",
                file.display()
            ),
        )
    };
    let tree: Value = serde_yaml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let version = tree["apiVersion"].as_str().unwrap_or_default();
    if tree["kind"] != "AuthenticationConfiguration"
        || !version.starts_with("apiserver.config.k8s.io/v1")
    {
        return Err(wrong(format!(
            "it is {} of {version:?}",
            tree["kind"].as_str().unwrap_or("nothing")
        )));
    }
    let authenticators = tree["jwt"].as_array().cloned().unwrap_or_default();
    let groups_claim = authenticators
        .iter()
        .find(|one| one["issuer"]["url"] == issuer)
        .and_then(|one| one["claimMappings"]["groups"]["claim"].as_str())
        .map(str::to_owned);
    Ok(Expectation {
        source: file.display().to_string(),
        issuers: authenticators.iter().map(trusted).collect(),
        groups_claim,
    })
}

fn trusted(authenticator: &Value) -> Trusted {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let username = &authenticator["claimMappings"]["username"];
    let mut found = Trusted {
        url: text(&authenticator["issuer"]["url"]).unwrap_or_default(),
        audiences: list(&authenticator["issuer"]["audiences"])
            .iter()
            .filter_map(text)
            .collect(),
        username_claim: text(&username["claim"]).filter(|claim| !claim.is_empty()),
        username_prefix: text(&username["prefix"]).unwrap_or_default(),
        ..Trusted::default()
    };
    for rule in list(&authenticator["claimValidationRules"]) {
        match (text(&rule["claim"]), text(&rule["expression"])) {
            (Some(claim), _) if !claim.is_empty() => found
                .required
                .push((claim, text(&rule["requiredValue"]).unwrap_or_default())),
            (_, Some(expression)) => found.expressions.push(expression),
            _ => {}
        }
    }
    for rule in list(&authenticator["userValidationRules"]) {
        found.expressions.extend(text(&rule["expression"]));
    }
    found
}

/// What the token says, where nobody tells what is expected; a server that accepts it has told.
pub(super) fn unseen(claims: &Claims, is_accepted: bool) -> Finding {
    let audiences = claims.audiences().join(", ");
    if is_accepted {
        let says = format!("the token is for {audiences}, which the API server accepts");
        return Finding::new("audience", Verdict::Ok, says);
    }
    let says = format!(
        "the token is for {audiences}; what the API server expects is not visible from here"
    );
    Finding::new("audience", Verdict::Unknown, says).next(
        "the same command with --authentication-config FILE (of the API server) or --onyxia URL",
    )
}

/// What the token says, against what is expected.
pub(super) fn compare(expectation: &Expectation, claims: &Claims) -> Vec<Finding> {
    let audiences = claims.audiences().join(", ");
    let source = &expectation.source;
    let issuer = claims.issuer();
    let Some(trusted) = expectation.issuers.iter().find(|one| one.url == issuer) else {
        let known: Vec<_> = expectation
            .issuers
            .iter()
            .map(|one| one.url.as_str())
            .collect();
        let nearly = known
            .iter()
            .any(|known| known.trim_end_matches('/') == issuer.trim_end_matches('/'));
        let hint = if nearly {
            "; they differ by the slash at the end, and must not"
        } else {
            ""
        };
        return vec![Finding::new(
            "trust",
            Verdict::Wrong,
            format!(
                "the token is from {issuer}; the API server trusts {} ({source}){hint}",
                none_or(&known)
            ),
        )];
    };
    let mut findings = vec![Finding::new(
        "trust",
        Verdict::Ok,
        format!("the API server trusts the issuer ({source})"),
    )];
    let fits = claims
        .audiences()
        .iter()
        .any(|audience| trusted.audiences.iter().any(|wanted| wanted == audience));
    findings.push(if fits {
        Finding::new(
            "audience",
            Verdict::Ok,
            format!("the token is for {audiences}"),
        )
    } else {
        let wanted: Vec<_> = trusted.audiences.iter().map(String::as_str).collect();
        Finding::new(
            "audience",
            Verdict::Wrong,
            format!(
                "the token is for {audiences}; the API server wants {}",
                none_or(&wanted)
            ),
        )
        .next(format!(
            "setup with --client-id {}, or have the API server's configuration list {audiences}",
            trusted.audiences.first().map_or("ID", String::as_str)
        ))
    });
    findings.extend(username(trusted, claims));
    for (claim, value) in &trusted.required {
        if claims.text(claim) != Some(value) {
            findings.push(Finding::new(
                "rule",
                Verdict::Wrong,
                format!(
                    "the API server wants the claim {claim} to be {value:?}; the token has {}",
                    claims
                        .all()
                        .get(claim)
                        .map_or_else(|| "none".to_owned(), Value::to_string)
                ),
            ));
        }
    }
    if !trusted.expressions.is_empty() {
        findings.push(Finding::new(
            "rule",
            Verdict::Unknown,
            format!("not carried out here: {}", trusted.expressions.join("; ")),
        ));
    }
    findings
}

fn username(trusted: &Trusted, claims: &Claims) -> Option<Finding> {
    let claim = trusted.username_claim.as_deref()?;
    Some(match claims.text(claim) {
        None => Finding::new(
            "username",
            Verdict::Wrong,
            format!(
                "the API server takes the name from the claim {claim}, which the token does not have"
            ),
        ),
        Some(_)
            if claim == "email"
                && claims.all().get("email_verified") == Some(&Value::Bool(false)) =>
        {
            Finding::new(
                "username",
                Verdict::Wrong,
                "the API server takes the name from the e-mail address, which the issuer has not verified",
            )
        }
        Some(name) => Finding::new(
            "username",
            Verdict::Ok,
            format!("{}{name} to the cluster", trusted.username_prefix),
        ),
    })
}

fn none_or(words: &[&str]) -> String {
    match words {
        [] => "none".to_owned(),
        words => words.join(", "),
    }
}
