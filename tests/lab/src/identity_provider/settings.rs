//! What the provider can be told.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Transport;
use super::keys::Algorithm;

/// How it starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// How it is reached.
    pub transport: Transport,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// What can be changed later.
    pub settings: Settings,
}

/// What the provider does; tests change it at any time.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Life of access and ID tokens.
    pub access_token_seconds: i64,
    /// Life of refresh tokens since their last use, and so of sessions.
    pub refresh_token_seconds: u64,
    /// Life of codes.
    pub code_seconds: u64,
    /// Life of device codes.
    pub device_code_seconds: u64,
    /// How often a device may ask; faster is answered by `slow_down`.
    pub device_interval_seconds: u64,
    /// A refresh token serves once, and a second use ends the session.
    pub rotates: bool,
    /// What it is ahead of this machine's clock, in the Date header and all tokens.
    pub clock_ahead_seconds: i64,
    /// What the person does who is sent to the login page.
    pub person: Person,
    /// Who that person is.
    pub user: User,
    /// The clients it knows, by id.
    pub clients: BTreeMap<String, Client>,
    /// Optional scopes, and the audience that each adds to the access token.
    pub audiences: BTreeMap<String, String>,
    /// Claims of all tokens, over what these would hold; null takes a claim away.
    pub claims: BTreeMap<String, Value>,
    /// The same for access tokens only.
    pub access_token_claims: BTreeMap<String, Value>,
    /// Scopes that it does not know are passed over at the login, and refused at a refresh, as
    /// oidc-provider does it. Otherwise they are refused at once, as by Keycloak.
    pub passes_over_unknown_scopes: bool,
    /// A login brings a refresh token only with the scope `offline_access`, as OpenID Connect Core
    /// has it in section 11, and many providers do.
    pub refreshes_offline_only: bool,
    /// The logout endpoint asks the person, on a page, as OpenID Connect RP-Initiated Logout has it.
    pub asks_at_logout: bool,
    /// A refresh answers with a new refresh token when it rotates.
    pub returns_refresh_token: bool,
    /// A refresh answers with an ID token.
    pub returns_id_token_on_refresh: bool,
    /// Where it is not honest.
    pub lies: Lies,
}

/// What a person does at the login page or at the page for device codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Person {
    /// Says yes at once.
    Approves,
    /// Says no at once.
    Denies,
    /// Looks at the page and does nothing.
    Hesitates,
}

/// A person with an account.
#[derive(Clone, Debug)]
pub struct User {
    /// The claim `sub`.
    pub subject: String,
    /// The claim `preferred_username`.
    pub name: String,
    /// The claim `groups`.
    pub groups: Vec<String>,
}

/// A client that the provider knows.
#[derive(Clone, Debug)]
pub struct Client {
    /// Redirect URIs; the port of one on 127.0.0.1 may differ.
    pub redirect_uris: Vec<String>,
    /// It may use the device flow.
    pub device_flow: bool,
    /// Without it nobody is the client, if it has one: RFC 6749, section 2.3.1.
    pub secret: Option<String>,
    /// The secret has to stand in the form, and not in a header.
    pub secret_in_form: bool,
}

/// Where the provider is not honest; `None` and `false` are honest.
#[derive(Clone, Debug, Default)]
pub struct Lies {
    /// The issuer in the discovery document.
    pub discovery_issuer: Option<String>,
    /// The claim `iss` of ID tokens.
    pub token_issuer: Option<String>,
    /// The parameter `iss` of the callback; an empty text leaves it out.
    pub callback_issuer: Option<String>,
    /// The parameter `state` of the callback.
    pub callback_state: Option<String>,
    /// The claim `nonce`; an empty text leaves it out.
    pub nonce: Option<String>,
    /// The claim `aud`.
    pub audience: Option<Vec<String>>,
    /// The claim `azp`.
    pub authorized_party: Option<String>,
    /// The claim `sub`.
    pub subject: Option<String>,
    /// The claim `at_hash`.
    pub access_token_hash: Option<String>,
    /// Added to the claim `iat`, on top of the clock.
    pub issued_later_seconds: i64,
    /// Added to the claim `exp`, on top of the clock.
    pub expires_later_seconds: i64,
    /// How tokens are signed.
    pub signature: Signature,
}

/// How tokens are signed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Signature {
    /// By the published key.
    #[default]
    Honest,
    /// `alg: none`, and no signature.
    None,
    /// `alg: HS256`, with the published key as the secret.
    Hs256WithPublicKey,
    /// `alg: HS256`, with the client's id as the secret.
    Hs256WithClientId,
    /// By the published key, then one bit is changed.
    Broken,
    /// By a key that is not published, under the id of one that is.
    OtherKey,
    /// By the published key, under an id that is not published.
    UnknownKeyId,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            transport: Transport::Https,
            algorithm: Algorithm::Es256,
            settings: Settings::default(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token_seconds: 300,
            refresh_token_seconds: 1800,
            code_seconds: 60,
            device_code_seconds: 600,
            device_interval_seconds: 1,
            rotates: true,
            clock_ahead_seconds: 0,
            person: Person::Approves,
            user: User::new("alice", &["datalab-users", "datalab-admins"]),
            clients: BTreeMap::from([("kubernetes".to_owned(), default_client())]),
            audiences: BTreeMap::from(["minio", "vault"].map(|a| (a.to_owned(), a.to_owned()))),
            claims: BTreeMap::new(),
            access_token_claims: BTreeMap::new(),
            passes_over_unknown_scopes: false,
            refreshes_offline_only: false,
            asks_at_logout: false,
            returns_refresh_token: true,
            returns_id_token_on_refresh: true,
            lies: Lies::default(),
        }
    }
}

/// A public client with the loopback redirect and the device flow.
#[must_use]
pub fn default_client() -> Client {
    Client {
        redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
        device_flow: true,
        secret: None,
        secret_in_form: false,
    }
}

impl User {
    /// Somebody of this name, whose `sub` is derived from it.
    #[must_use]
    pub fn new(name: &str, groups: &[&str]) -> Self {
        Self {
            subject: format!("subject-of-{name}"),
            name: name.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }
}
