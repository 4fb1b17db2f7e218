//! What the issuer says of itself, now.

use datalab_core::{
    http::{self, Patience},
    oidc::{Claims, Obtained, Provider, discovery_url},
    report::{Finding, Verdict},
};

use crate::{choice::Choice, desk::Desk};

/// From here on a clock that is off is worth a word: tokens live for minutes.
const SKEW_SECONDS: i64 = 30;

pub(super) async fn look(choice: &Choice, obtained: &Obtained, desk: &Desk<'_>) -> Vec<Finding> {
    let issuer = &choice.identity.issuer;
    let http = match choice.session(desk).http() {
        Ok(http) => http,
        Err(error) => return vec![Finding::new("issuer", Verdict::Wrong, error.to_string())],
    };
    let provider = match Provider::discover(issuer, &http).await {
        Ok(provider) => provider,
        Err(error) => {
            return vec![Finding::new(
                "issuer",
                Verdict::Wrong,
                format!("{error}; an API server that cannot ask it either knows none of its keys"),
            )];
        }
    };
    let mut findings = vec![Finding::new(
        "issuer",
        Verdict::Ok,
        format!("{issuer} answers, and calls itself so"),
    )];
    findings.extend(clock(issuer, &http).await);
    findings.push(key(&provider, obtained, desk));
    findings
}

async fn clock(issuer: &str, http: &http::Client) -> Option<Finding> {
    let request = http::get(&discovery_url(issuer)).ok()?;
    let answer = http.send_patiently(request, Patience::NONE).await.ok()?;
    let skew = answer.skew().as_secs();
    Some(if skew.abs() < SKEW_SECONDS {
        Finding::new("clock", Verdict::Ok, "agrees with the issuer's")
    } else {
        let (seconds, word) = (skew.abs(), if skew > 0 { "behind" } else { "ahead of" });
        Finding::new(
            "clock",
            Verdict::Odd,
            format!(
                "this machine's clock is {seconds} s {word} the issuer's: it is reckoned with here, and an API server that is off so refuses good tokens"
            ),
        )
        .next("timedatectl status   (here, and on the machine of the API server)")
    })
}

/// What API servers take: `--oidc-signing-algs`, and all of it with an AuthenticationConfiguration.
///
/// <https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/>
const TAKEN: [&str; 9] = [
    "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
];

fn key(provider: &Provider, obtained: &Obtained, desk: &Desk<'_>) -> Finding {
    let header = Claims::header(obtained.id_token.expose()).unwrap_or_default();
    let text = |name: &str| {
        header
            .get(name)
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned)
    };
    let algorithm = text("alg").unwrap_or_default();
    match text("kid") {
        None => Finding::new(
            "key",
            Verdict::Odd,
            format!("the token does not name the key that signed it ({algorithm})"),
        ),
        _ if !TAKEN.contains(&algorithm.as_str()) => Finding::new(
            "key",
            Verdict::Wrong,
            format!("signed by {algorithm}, which no API server takes"),
        )
        .next("ask whoever runs the issuer to sign the client's ID tokens by RS256 or ES256"),
        Some(id) if provider.key_ids().contains(&id.as_str()) => Finding::new(
            "key",
            Verdict::Ok,
            format!("signed with {id} ({algorithm}), which the issuer publishes"),
        ),
        Some(id) => Finding::new(
            "key",
            Verdict::Wrong,
            format!("signed with {id} ({algorithm}), which the issuer no longer publishes"),
        )
        .next(format!("{} refresh --now", desk.name)),
    }
}
