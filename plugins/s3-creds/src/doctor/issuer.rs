use std::path::PathBuf;

use datalab_core::{
    http::{self, Client, Patience},
    oidc::{Claims, check_issuer, discovery_url},
    report::{Finding, Verdict},
};
use jiff::SignedDuration;
use serde_json::Value;

use crate::{desk::Desk, span::in_words};

/// Servers differ in how much they allow; MinIO allows nothing.
const TOLERATED: SignedDuration = SignedDuration::from_secs(5);

/// The issuer's keys and clock, as a token service sees them.
pub(super) async fn look(
    token: &str,
    claims: Option<&Claims>,
    authorities: &[PathBuf],
    desk: &Desk<'_>,
) -> Vec<Finding> {
    let Some(claims) = claims else {
        return vec![Finding::new(
            "token",
            Verdict::Wrong,
            "it is no JWT, which no token service takes",
        )];
    };
    let issuer = claims.issuer();
    if let Err(error) = check_issuer(issuer) {
        return vec![Finding::new("issuer", Verdict::Wrong, error.to_string())];
    }
    let keys = match desk.http(authorities, issuer) {
        Ok(client) => keys(issuer, &client).await,
        Err(failure) => Err(failure.problem().to_owned()),
    };
    let (keys, skew) = match keys {
        Ok(found) => found,
        Err(reason) => return vec![Finding::new("issuer", Verdict::Unknown, reason)],
    };
    let mut findings = Vec::new();
    let header = Claims::header(token).unwrap_or_default();
    let kid = header
        .get("kid")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_known = keys
        .iter()
        .any(|key| key.get("kid").and_then(Value::as_str) == Some(kid));
    findings.push(match is_known {
        true => Finding::new("issuer", Verdict::Ok, format!("{issuer} publishes the key that signed the token")),
        false => Finding::new(
            "issuer",
            Verdict::Wrong,
            format!("{issuer} does not publish the key that signed the token ({kid}): it was rotated, or the token is another realm's"),
        )
        .next(format!("{} refresh --now", desk.oidc_login())),
    });
    let first = keys
        .first()
        .and_then(|key| key.get("use"))
        .and_then(Value::as_str);
    if first == Some("enc") {
        findings.push(Finding::new(
            "issuer",
            Verdict::Odd,
            "the first of its keys is one for encryption: Ceph before Squid reads only the first, and refuses every token",
        )
        .next("Keycloak: Realm settings, Keys, Providers: a higher priority for the signing key, by its administrator"));
    }
    if skew.abs() > TOLERATED {
        let seconds = in_words(skew.abs().as_secs().unsigned_abs());
        let direction = if skew.is_positive() {
            "behind"
        } else {
            "ahead of"
        };
        findings.push(
            Finding::new(
                "clock",
                Verdict::Odd,
                format!("this machine's clock is {seconds} {direction} the issuer's"),
            )
            .next("timedatectl status"),
        );
    }
    findings
}

/// The issuer's keys, and how far its clock is ahead.
async fn keys(issuer: &str, client: &Client) -> Result<(Vec<Value>, SignedDuration), String> {
    let ask = async |url: &str| {
        let request = http::get(url).map_err(|error| error.to_string())?;
        let answer = client.send_patiently(request, Patience::BRIEF).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let document = answer.json::<Value>().ok().filter(|_| answer.is_success());
        let skew = answer.skew();
        document
            .map(|document| (document, skew))
            .ok_or_else(|| format!("{url} answers {}", answer.status.as_u16()))
    };
    let (document, skew) = ask(&discovery_url(issuer)).await?;
    let jwks = document.get("jwks_uri").and_then(Value::as_str);
    let (keys, _) = ask(jwks.ok_or("it tells no keys")?).await?;
    let keys = keys.get("keys").and_then(Value::as_array).cloned();
    Ok((keys.unwrap_or_default(), skew))
}
