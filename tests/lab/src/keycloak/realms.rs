//! The realms, as files to import and as the API server trusts them.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::{REALM, ROLLOVER_REALM, STRICT_REALM, issuer};

const DATALAB: &str = include_str!("../../manifests/keycloak/datalab.json");
const DATALAB_STRICT: &str = include_str!("../../manifests/keycloak/datalab-strict.json");

/// What the API server puts before the names of a realm's users and groups, so that those of two realms
/// never meet. The first is Onyxia's own.
pub(crate) const TRUSTED: [Realm; 3] = [
    Realm {
        name: REALM,
        prefix: "oidc-",
    },
    Realm {
        name: STRICT_REALM,
        prefix: "strict-",
    },
    Realm {
        name: ROLLOVER_REALM,
        prefix: "rollover-",
    },
];

/// The clients whose ID tokens the API server accepts: those for kubectl.
const AUDIENCES: [&str; 5] = [
    "kubernetes",
    "kubernetes-short",
    "kubernetes-brief",
    "kubernetes-consent",
    "no-device",
];

/// A realm that the API server trusts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Realm {
    pub(crate) name: &'static str,
    prefix: &'static str,
}

impl Realm {
    /// What Keycloak imports.
    pub(super) fn representation(self) -> Result<Value, serde_json::Error> {
        let mut realm = plain(self.name)?;
        if self.name == STRICT_REALM {
            let differs: Map<String, Value> = serde_json::from_str(DATALAB_STRICT)?;
            realm.extend(differs);
        }
        Ok(realm.into())
    }

    /// How the API server of the lab with this address trusts it.
    pub(crate) fn authenticator(self, address: Ipv4Addr, authority: &str) -> Value {
        json!({
            "issuer": {
                "url": issuer(address, self.name),
                "audiences": AUDIENCES,
                "audienceMatchPolicy": "MatchAny",
                "certificateAuthority": authority,
            },
            "claimMappings": {
                "username": { "claim": "preferred_username", "prefix": self.prefix },
                "groups": { "claim": "groups", "prefix": self.prefix },
                "uid": { "claim": "sub" },
            },
            "claimValidationRules": [{
                "expression": "claims.preferred_username != ''",
                "message": "preferred_username must be set",
            }],
        })
    }
}

/// A realm as platforms have it, under this name.
pub(super) fn plain(name: &str) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_str(&DATALAB.replace("$(realm)", name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strict_realm_is_the_other_one_but_for_its_file() {
        let [realm, strict, _] = TRUSTED.map(|realm| realm.representation().unwrap());
        assert_eq!(realm["realm"], REALM);
        assert_eq!(strict["realm"], STRICT_REALM);
        assert_eq!(strict["revokeRefreshToken"], true);
        assert_eq!(realm["clients"], strict["clients"]);
    }

    #[test]
    fn the_api_server_trusts_clients_that_there_are() {
        let realm = TRUSTED[0].representation().unwrap();
        let clients = realm["clients"].as_array().unwrap();
        for audience in AUDIENCES {
            assert!(
                clients.iter().any(|client| client["clientId"] == audience),
                "{audience}"
            );
        }
    }
}
