//! `doctor`: why there are no keys, or why they do nothing. Everything that can be seen from here is
//! looked at, one after the other. Nothing that others have made is changed; as every verb that needs a
//! token, it logs in where nobody is, and notes whom the user has said yes to.

mod environment;
mod issuer;

use std::path::PathBuf;

use datalab_core::{
    oidc::Claims,
    onyxia,
    report::{Failure, Finding, Findings, Kind, Outcome, Verdict},
};
use serde::Serialize;

use crate::{
    bearer::Bearer,
    cache::CacheKind,
    cause,
    desk::Desk,
    issue::{self, Terms},
    source::{Place, Source, TokenKind, TokenSource},
    span::in_words,
    store::{self, Question},
    trust,
};

/// All that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    findings: Findings,
}

impl Diagnosis {
    /// Failed, if something is wrong.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.findings.kind()
    }
}

impl Outcome for Diagnosis {
    const KIND: &'static str = "S3Diagnosis";

    fn text(&self, _wide: bool) -> String {
        self.findings.text()
    }

    fn names(&self) -> Vec<String> {
        self.findings.names()
    }
}

/// Looks at everything there is to look at. What cannot be done is a finding, too.
pub(crate) async fn doctor(source: &Source, terms: &Terms, desk: &Desk<'_>) -> Diagnosis {
    let mut findings = environment::look(desk.world);
    let candidates = issue::candidates(source, terms.how, desk).await;
    match candidates.and_then(|candidates| issue::choose(candidates, source, desk)) {
        // Nobody is left to be asked for keys.
        Err(failure) => findings.push(wrong("store", &failure)),
        Ok(candidate) => {
            let place = &candidate.place;
            findings.push(Finding::new("store", Verdict::Ok, described(place)));
            let token = match place.sts_url {
                None => Ok(Vec::new()),
                Some(_) => token(place, source, terms, desk).await,
            };
            match token {
                // A store is not asked without one, nor the user a second time.
                Err(failure) => findings.push(wrong("login", &failure)),
                Ok(found) => {
                    findings.extend(found);
                    findings.extend(keys(place, source, terms, desk).await);
                }
            }
        }
    }
    Diagnosis {
        findings: Findings(findings),
    }
}

/// The token, and who issues it.
async fn token(
    place: &Place,
    source: &Source,
    terms: &Terms,
    desk: &Desk<'_>,
) -> Result<Vec<Finding>, Failure> {
    trust::ensure(place, source, desk).await?;
    let authorities = desk.place_authorities(source, place);
    let bearer = Bearer::choose(source, place.login.as_ref(), terms.how, desk)?;
    let token = bearer.token().await?;
    let claims = Claims::unchecked(token.expose());
    let mut findings: Vec<_> = claims
        .iter()
        .map(|claims| audience(claims, place.login.as_ref()))
        .collect();
    findings.extend(issuer::look(token.expose(), claims.as_ref(), &authorities, desk).await);
    Ok(findings)
}

/// The keys, and what they may do.
async fn keys(place: &Place, source: &Source, terms: &Terms, desk: &Desk<'_>) -> Vec<Finding> {
    // Keys at hand say nothing of what the token service does now.
    let terms = Terms {
        cache: CacheKind::None,
        ..*terms
    };
    let mut findings = Vec::new();
    match issue::issue(source, &terms, desk).await {
        Err(failure) => {
            findings.push(wrong("keys", &failure));
            if place.sts_url.is_some() {
                findings.extend(other_token(source, &terms, desk).await);
            }
        }
        Ok(ready) => {
            let life = ready.expires.map(|expires| {
                let left = expires.duration_since(desk.world.now()).as_secs();
                format!("given, for {}", in_words(u64::try_from(left).unwrap_or(0)))
            });
            let life = life.unwrap_or_else(|| "there, without an end".to_owned());
            findings.push(Finding::new("keys", Verdict::Ok, life));
            let notes = ready.notes.iter();
            findings.extend(notes.map(|note| Finding::new("keys", Verdict::Odd, note.clone())));
            let authorities: Vec<_> = ready.ca_file.iter().cloned().collect();
            findings.push(listing(&ready.issued, source, &authorities, desk).await);
        }
    }
    findings
}

fn described(place: &Place) -> String {
    let style = match place.store.path_style {
        true => "path style",
        false => "virtual style",
    };
    match &place.sts_url {
        Some(url) if *url != place.store.url => {
            format!("{} ({style}), token service {url}", place.store.url)
        }
        Some(_) => format!(
            "{} ({style}), which is its own token service",
            place.store.url
        ),
        None => format!("{} ({style}), without temporary keys", place.store.url),
    }
}

fn wrong(about: &'static str, failure: &Failure) -> Finding {
    let details = failure.details().iter();
    let lines = details.map(|line| format!("\n{:19}- {}", "", line.replace('\n', " ")));
    let says = format!("{}{}", failure.problem(), lines.collect::<String>());
    let finding = Finding::new(about, Verdict::Wrong, says);
    // Others than this one.
    let mut commands = failure.commands().iter();
    match commands.find(|command| !command.contains(" doctor")) {
        Some(command) => finding.next(command.clone()),
        None => finding,
    }
}

/// Whom the token is for; what the server wants is not visible from here.
fn audience(claims: &Claims, login: Option<&onyxia::Login>) -> Finding {
    let audiences = claims.audiences();
    let party = claims.text("azp").unwrap_or("nobody");
    if audiences.is_empty() {
        let client = login.map_or("CLIENT", |login| login.client_id.as_str());
        return Finding::new(
            "audience",
            Verdict::Odd,
            format!("none (azp {party}): Ceph looks at azp too, MinIO and AWS refuse such a token"),
        )
        .next(format!(
            "Keycloak: Clients, {client}, Client scopes, {client}-dedicated: an audience mapper, by its administrator"
        ));
    }
    let says = format!(
        "{}'s token is for {} (azp {party}); which of them the server wants is not visible from here",
        claims.username(),
        audiences.join(", ")
    );
    Finding::new("audience", Verdict::Ok, says)
}

/// Whether the login's other token is taken.
async fn other_token(source: &Source, terms: &Terms, desk: &Desk<'_>) -> Option<Finding> {
    if source.token != TokenSource::Session {
        return None;
    }
    let kind = match source.token_kind {
        TokenKind::Access => TokenKind::Id,
        TokenKind::Id => TokenKind::Access,
    };
    let other = Source {
        token_kind: kind,
        ..source.clone()
    };
    let name = kind.name();
    Some(match issue::issue(&other, terms, desk).await {
        Ok(_) => Finding::new("keys", Verdict::Odd, format!("the {name} token is taken"))
            .next(format!("the same command with --token-kind {name}")),
        Err(_) => Finding::new(
            "keys",
            Verdict::Unknown,
            format!("the {name} token is not taken either"),
        ),
    })
}

async fn listing(
    issued: &crate::issued::Issued,
    source: &Source,
    authorities: &[PathBuf],
    desk: &Desk<'_>,
) -> Finding {
    let client = match desk.http(authorities, &issued.store.url) {
        Ok(client) => client,
        Err(failure) => return wrong("rights", &failure),
    };
    let question = match &source.extent.bucket {
        Some(bucket) => Question::Objects {
            bucket,
            prefix: source.extent.prefix.as_deref().unwrap_or_default(),
        },
        None => Question::Buckets,
    };
    match (
        store::ask(question, issued, &client, desk.world).await,
        question,
    ) {
        (Ok(()), _) => Finding::new("rights", Verdict::Ok, "the store takes the keys, and lists"),
        // Who may use one bucket often may not list them all.
        (Err(error), Question::Buckets) => {
            let failure = cause::of_store(&error, issued);
            Finding {
                verdict: match failure.kind() {
                    Kind::Refused => Verdict::Odd,
                    _ => Verdict::Wrong,
                },
                ..wrong("rights", &failure)
            }
            .next("the same command with --bucket NAME")
        }
        (Err(error), _) => wrong("rights", &cause::of_store(&error, issued)),
    }
}
