//! All that can be found wrong before anything is written, in one pass.

use std::path::{Path, PathBuf};

use datalab_core::{
    http::{self, Client, Options, Patience},
    oidc::{self, Audience, ClientCheck, Provider, Registration, check_issuer},
    report::{Failure, Kind},
    world::{Endpoint, World, read_file},
};

use super::{
    SetupRequest,
    facts::{Facts, missing},
};
use crate::desk::USER_AGENT;

/// What was found right, ready to be written.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) server: String,
    /// PEM.
    pub(super) server_ca: Option<Vec<u8>>,
    /// An absolute path.
    pub(super) issuer_ca: Option<PathBuf>,
    pub(super) scopes: Vec<String>,
    pub(super) audiences: Vec<Audience>,
    /// Beside what is known of it.
    pub(super) registration: Registration,
    /// The host that entries are named after.
    pub(super) host: String,
    /// Where the platform that told it all tells its configuration.
    pub(super) platform: Option<String>,
    /// What is odd, and no reason to stop.
    pub(super) warnings: Vec<String>,
}

/// What is wrong, and what is odd.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<Failure>,
    warnings: Vec<String>,
}

impl Findings {
    fn problem(&mut self, failure: impl Into<Failure>) {
        self.problems.push(failure.into());
    }

    fn wrong(&mut self, problem: impl Into<String>) {
        self.problem(Failure::new(Kind::Usage, problem));
    }
}

pub(super) async fn check(
    world: &World,
    request: &SetupRequest,
    facts: Facts,
) -> Result<Target, Failure> {
    let (Some(issuer), Some(client_id), Some(server)) =
        (&facts.issuer, &facts.client_id, &facts.server)
    else {
        let wanted = [
            ("--issuer", facts.issuer.is_some()),
            ("--client-id", facts.client_id.is_some()),
            ("--server", facts.server.is_some()),
        ];
        return Err(missing(&facts, &wanted)
            .unwrap_or_else(|| Failure::new(Kind::Usage, "not enough is known")));
    };
    let mut findings = Findings {
        warnings: facts.notes.clone(),
        ..Findings::default()
    };
    if client_id
        .chars()
        .any(|letter| letter.is_whitespace() || letter.is_control())
    {
        findings.wrong(format!("{client_id:?} is no client id: it holds blanks"));
    }
    let host = endpoint(server, &mut findings);
    let server_ca = request
        .server_ca
        .as_ref()
        .and_then(|file| authorities(file, &mut findings));
    let issuer_ca = request.issuer_ca.as_ref().map(|file| {
        let _ = authorities(file, &mut findings);
        std::path::absolute(file).unwrap_or_else(|_| file.clone())
    });
    if let Err(error) = facts.registration.client_secret() {
        findings.problem(error);
    }
    // What get-token would refuse is not written down for it.
    if let Err(error) = check_issuer(issuer) {
        findings.problem(error);
    }
    if findings.problems.is_empty() {
        let (provider, api) = tokio::join!(
            provider(world, request, &facts, issuer, client_id),
            api_server(world, request, server)
        );
        for found in [provider, api] {
            findings.problems.extend(found.problems);
            findings.warnings.extend(found.warnings);
        }
    }
    if let Some(failure) = one(findings.problems) {
        return Err(failure);
    }
    let platform_host = facts
        .platform
        .as_ref()
        .and_then(|url| Endpoint::of(url).ok())
        .map(|endpoint| endpoint.host);
    Ok(Target {
        issuer: issuer.clone(),
        client_id: client_id.clone(),
        server: server.clone(),
        server_ca,
        issuer_ca,
        host: platform_host.or(host).unwrap_or_default(),
        platform: facts.platform,
        scopes: facts.scopes,
        audiences: facts.audiences,
        registration: facts.registration,
        warnings: findings.warnings,
    })
}

/// Several problems as one failure; a single one speaks for itself.
fn one(mut problems: Vec<Failure>) -> Option<Failure> {
    const UNTOUCHED: &str = "nothing was written";
    if problems.len() < 2 {
        return problems.pop().map(|failure| failure.state(UNTOUCHED));
    }
    // Trying again helps only if nothing else is wrong.
    let kind = problems
        .iter()
        .map(Failure::kind)
        .find(|kind| *kind != Kind::Unreachable)
        .unwrap_or(Kind::Unreachable);
    let mut failure = Failure::new(kind, format!("{} things are wrong", problems.len()));
    for problem in problems {
        let text = problem.without_state().to_string();
        failure = failure.detail(text.strip_prefix("error: ").unwrap_or(&text).to_owned());
    }
    Some(failure.state(UNTOUCHED))
}

/// The host of the API server's address.
fn endpoint(url: &str, findings: &mut Findings) -> Option<String> {
    const WHAT: &str = "the API server's address";
    match Endpoint::of(url) {
        Ok(endpoint) if endpoint.scheme == "https" => {
            let authority = url.split("://").nth(1).unwrap_or_default();
            if authority
                .split('/')
                .next()
                .unwrap_or_default()
                .contains('@')
            {
                findings.wrong(format!(
                    "{WHAT} holds a user name: leave out what stands before @"
                ));
                return None;
            }
            Some(endpoint.host)
        }
        Ok(_) => {
            findings.wrong(format!(
                "{WHAT} is {url}, and only https is safe for tokens"
            ));
            None
        }
        Err(reason) => {
            findings.wrong(format!("{WHAT} is {url:?}: {reason}"));
            None
        }
    }
}

/// Looks at a file of certificate authorities, and returns it.
fn authorities(file: &Path, findings: &mut Findings) -> Option<Vec<u8>> {
    let content = match read_file(file) {
        Ok(content) => content,
        Err(error) => {
            findings.problem(Failure::new(Kind::Usage, error.to_string()).caused_by(&error));
            return None;
        }
    };
    match String::from_utf8_lossy(&content).contains("-----BEGIN CERTIFICATE-----") {
        true => Some(content),
        false => {
            findings.wrong(format!("{} holds no certificate as PEM", file.display()));
            None
        }
    }
}

fn options(authority_file: Option<&PathBuf>) -> Options {
    Options {
        user_agent: USER_AGENT.to_owned(),
        authority_files: authority_file.cloned().into_iter().collect(),
        ..Options::default()
    }
}

/// Whether the issuer is one, and would let the client log in.
async fn provider(
    world: &World,
    request: &SetupRequest,
    facts: &Facts,
    issuer: &str,
    client_id: &str,
) -> Findings {
    let mut findings = Findings::default();
    let http = match Client::new(&options(request.issuer_ca.as_ref()), world) {
        Ok(http) => http,
        Err(error) => {
            findings.problem(unasked("issuer", &error));
            return findings;
        }
    };
    let provider = match Provider::discover(issuer, &http).await {
        Ok(provider) => provider,
        Err(oidc::Error::Http(error)) => {
            findings.problem(unasked("issuer", &error));
            return findings;
        }
        Err(error) => {
            findings.problem(error);
            return findings;
        }
    };
    let mut scopes = facts.scopes.clone();
    scopes.extend(
        facts
            .audiences
            .iter()
            .filter_map(|audience| audience.scope.clone()),
    );
    let asked = provider
        .check_client(client_id, &scopes, &facts.registration, &http, world)
        .await;
    judge(client_id, &facts.registration, asked, &mut findings);
    for audience in &facts.audiences {
        if let Some(other) = &audience.client_id
            && other != client_id
        {
            // The cluster can be used without it.
            let mut about_it = Findings::default();
            let usual = Registration::default();
            let asked = provider
                .check_client(other, &[], &usual, &http, world)
                .await;
            judge(other, &usual, asked, &mut about_it);
            findings.warnings.extend(about_it.warnings);
            for problem in about_it.problems {
                findings
                    .warnings
                    .push(format!("{}: {}", audience.name, problem.problem()));
            }
        }
    }
    if !provider.has_device_flow() {
        findings.warnings.push(
            "the issuer offers no device flow (RFC 8628): logins need a browser on the same machine".to_owned(),
        );
    }
    findings
}

/// What the issuer thinks of a client's wish to log in.
fn judge(
    client_id: &str,
    registration: &Registration,
    asked: Result<ClientCheck, oidc::Error>,
    findings: &mut Findings,
) {
    match asked {
        Ok(ClientCheck::Welcome) => {}
        Ok(ClientCheck::NotWelcome { status }) => findings.problem(
            Failure::new(
                Kind::Refused,
                format!("the issuer shows no login page to client {client_id:?} (HTTP {status})"),
            )
            .detail(format!(
                "it does not know the client, or {} is none of the client's redirect URIs; --redirect-url names another, --print keycloak-client has what Keycloak needs",
                registration.redirect_url.clone().unwrap_or_default()
            )),
        ),
        Ok(ClientCheck::Refused { code, description }) => {
            let description = description.map(|text| format!(" ({text})")).unwrap_or_default();
            findings.problem(Failure::new(
                Kind::Refused,
                format!("the issuer refuses client {client_id:?}: {code}{description}"),
            ));
        }
        Ok(_) => {}
        Err(error) => findings.warnings.push(format!("client {client_id:?} was not checked: {error}")),
    }
}

/// Whether the API server's certificate is trusted. One that cannot be reached from here may be
/// reached from elsewhere.
async fn api_server(world: &World, request: &SetupRequest, server: &str) -> Findings {
    let mut findings = Findings::default();
    let asked = async {
        let http = Client::new(&options(request.server_ca.as_ref()), world)?;
        let url = format!("{}/version", server.trim_end_matches('/'));
        http.send_patiently(http::get(&url)?, Patience::NONE).await
    };
    match asked.await {
        // Whatever it says to somebody without a token.
        Ok(_) => {}
        Err(error @ http::Error::Certificate { .. }) => findings.problem(
            unasked("API server", &error).detail(match request.server_ca {
                Some(_) => "none of the authorities in the file of --server-ca signed it, nor one of the system's",
                None => "the platform's configuration does not hold the API server's certificate authorities: --server-ca FILE names them",
            }),
        ),
        Err(error) if error.may_pass() => findings
            .warnings
            .push(format!("the API server was not checked: {error}")),
        Err(error) => findings.problem(unasked("API server", &error)),
    }
    findings
}

fn unasked(whom: &str, error: &http::Error) -> Failure {
    let kind = match error {
        http::Error::Address { .. }
        | http::Error::Unreadable(_)
        | http::Error::Authorities { .. } => Kind::Usage,
        _ => Kind::Unreachable,
    };
    let failure = Failure::new(kind, format!("the {whom} cannot be asked")).caused_by(error);
    match (whom, error) {
        ("issuer", http::Error::Certificate { .. }) => {
            failure.detail("certificate authorities of its own are named by --issuer-ca FILE")
        }
        _ => failure,
    }
}
