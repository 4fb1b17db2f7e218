//! The issuers that the user has said yes to, with the servers that may be sent their tokens, in one
//! file of the user's configuration.

mod error;
mod file;
mod way;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Registration;

pub use self::{
    error::KnownIssuersError,
    way::{Way, server_url},
};

/// The issuers that the user has said yes to. A kubeconfig may come from a stranger, so that it
/// takes more than its word to send somebody to a login page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownIssuers {
    /// Those that are known.
    pub issuers: Vec<KnownIssuer>,
}

/// An issuer that the user has said yes to, with one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownIssuer {
    /// The issuer's URL, to the letter.
    pub issuer: String,
    /// The client's id.
    pub client_id: String,
    /// The API servers that may be sent its tokens, as [`Way::to`] has them.
    #[serde(default)]
    pub servers: Vec<String>,
    /// Other services that its tokens can be for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<Audience>,
    /// The file with the issuer's certificate authorities, where the system's are not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<PathBuf>,
    /// The platform whose word was taken for it, and is for where its services are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// How the client is registered.
    #[serde(flatten)]
    pub registration: Registration,
}

/// A service that tokens of an issuer can be for: by a scope of the same client, or by a client of
/// its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audience {
    /// What the user calls it: `s3`, `vault`.
    pub name: String,
    /// The scope that makes a token good for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The client whose tokens are good for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// How far an issuer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Familiarity {
    /// Issuer and client are known, and so is the server.
    Known,
    /// Issuer and client are known, and their tokens have not gone to that server.
    NewServer,
    /// Neither is known.
    NewIssuer,
}

impl KnownIssuers {
    /// The entry of this issuer and client.
    pub fn find(&self, issuer: &str, client_id: &str) -> Option<&KnownIssuer> {
        self.issuers
            .iter()
            .find(|known| known.issuer == issuer && known.client_id == client_id)
    }

    /// The entry of this issuer and client, which is made if it is missing.
    pub fn entry(&mut self, issuer: &str, client_id: &str) -> &mut KnownIssuer {
        let is_it = |known: &KnownIssuer| known.issuer == issuer && known.client_id == client_id;
        let place = self.issuers.iter().position(is_it).unwrap_or_else(|| {
            self.issuers.push(KnownIssuer {
                issuer: issuer.to_owned(),
                client_id: client_id.to_owned(),
                servers: Vec::new(),
                audiences: Vec::new(),
                certificate_authority: None,
                platform: None,
                registration: Registration::default(),
            });
            self.issuers.len() - 1
        });
        &mut self.issuers[place]
    }

    /// What a login is to ask for at once: these scopes, and what every known audience needs of the
    /// same client.
    pub fn login_scopes(&self, issuer: &str, client_id: &str, scopes: &[String]) -> Vec<String> {
        let mut wanted = scopes.to_vec();
        let known = self.find(issuer, client_id);
        let audiences = known.into_iter().flat_map(|known| &known.audiences);
        for scope in audiences.filter_map(|audience| audience.scope.as_ref()) {
            if !wanted.contains(scope) {
                wanted.push(scope.clone());
            }
        }
        wanted
    }

    /// How far an issuer is known, with the server that its token would go to.
    pub fn familiarity(&self, issuer: &str, client_id: &str, server: Option<&str>) -> Familiarity {
        match (self.find(issuer, client_id), server) {
            (None, _) => Familiarity::NewIssuer,
            (Some(_), None) => Familiarity::Known,
            (Some(known), Some(server)) if known.has_server(server) => Familiarity::Known,
            (Some(_), Some(_)) => Familiarity::NewServer,
        }
    }
}

impl KnownIssuer {
    /// Whether its tokens may go to that server.
    pub fn has_server(&self, server: &str) -> bool {
        let server = server.trim_end_matches('/');
        self.servers
            .iter()
            .any(|known| known.trim_end_matches('/') == server)
    }

    /// Whether its tokens may go to a server of that URL, by whatever way.
    pub fn has_url(&self, url: &str) -> bool {
        let url = url.trim_end_matches('/');
        let mut servers = self.servers.iter();
        servers.any(|known| server_url(known).0.trim_end_matches('/') == url)
    }

    /// Lets its tokens go to that server.
    pub fn add_server(&mut self, server: &str) {
        if !self.has_server(server) {
            self.servers.push(server.to_owned());
        }
    }

    /// Adds an audience, in the place of the one of that name.
    pub fn set_audience(&mut self, audience: Audience) {
        let same_name = |known: &&mut Audience| known.name == audience.name;
        match self.audiences.iter_mut().find(same_name) {
            Some(known) => *known = audience,
            None => self.audiences.push(audience),
        }
    }
}
