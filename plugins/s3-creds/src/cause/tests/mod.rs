//! What a server says, and the first line that a user is told of it.

use data_encoding::BASE64URL_NOPAD;
use datalab_core::{cli::DisplayName, onyxia::Login, report::Kind, words::Secret, world::World};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Scene;
use crate::{
    issued::Server,
    source::TokenKind,
    sts::{Refusal, StsError},
};

mod sentences;
mod settings;
mod store;

const NOW: i64 = 1_800_000_000;

/// A token of Keycloak's with these claims changed; null takes one away.
fn token(changes: &Value) -> Secret<String> {
    let mut claims = json!({
        "iss": "https://idp.example/realms/datalab",
        "sub": "f3",
        "preferred_username": "alice",
        "aud": ["account"],
        "azp": "kubernetes",
        "iat": NOW - 10,
        "exp": NOW + 290,
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    if let Some(claims) = claims.as_object_mut() {
        claims.retain(|_, value| !value.is_null());
    }
    let payload = BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    format!("e30.{payload}.c2ln").into()
}

/// A server's no.
fn refusal(server: Server, status: u16, code: &str, message: &str) -> Refusal {
    let there = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Refusal {
        status: StatusCode::from_u16(status).unwrap(),
        code: there(code),
        message: there(message),
        body: None,
        content_type: Some("application/xml".to_owned()),
        skew: SignedDuration::ZERO,
        server,
        problem: None,
    }
}

/// What a user is told: exit code, the line, what follows it, and the commands.
struct Told {
    kind: Kind,
    problem: String,
    details: String,
    commands: Vec<String>,
}

#[derive(Clone, Debug)]
struct Case {
    server: Server,
    role: Option<&'static str>,
    claims: Value,
    flags: Vec<String>,
}

impl Case {
    fn of(server: Server) -> Self {
        Self {
            server,
            role: None,
            claims: Value::Null,
            flags: vec!["--endpoint=https://s3.example".to_owned()],
        }
    }

    fn with_role(mut self, role: &'static str) -> Self {
        self.role = Some(role);
        self
    }

    fn with(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }

    fn told(&self, status: u16, code: &str, message: &str) -> Told {
        let refusal = refusal(self.server, status, code, message);
        self.explained(&StsError::Refused(Box::new(refusal)))
    }

    fn explained(&self, error: &StsError) -> Told {
        let token = token(&self.claims);
        let name = DisplayName::of(
            &World::test(Timestamp::UNIX_EPOCH, []).0,
            None,
            "kubectl datalab s3-creds",
        );
        let login = Login {
            issuer: "https://idp.example/realms/datalab".to_owned(),
            client_id: "kubernetes".to_owned(),
            scopes: Vec::new(),
            extra_query_parameters: None,
        };
        let scene = Scene {
            sts_url: "https://s3.example",
            store_url: "https://s3.example",
            token: &token,
            token_kind: Some(TokenKind::Access),
            login: Some(&login),
            role_arn: self.role,
            seconds: 3600,
            server: None,
            now: Timestamp::from_second(NOW).unwrap(),
            name: &name,
            oidc_login: "kubectl datalab oidc-login",
            flags: Some(&self.flags),
        };
        let failure = scene.explain(error);
        let begins = "https://s3.example gives no keys: ";
        Told {
            kind: failure.kind(),
            problem: failure
                .problem()
                .strip_prefix(begins)
                .unwrap_or_else(|| panic!("{failure} begins otherwise"))
                .to_owned(),
            details: failure.details().join("\n"),
            commands: failure.commands().to_vec(),
        }
    }
}

const INVALID: &str = "InvalidParameterValue";
