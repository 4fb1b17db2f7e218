//! What an administrator does to a realm in a story: users of its own, lifetimes, sessions, events.
//!
//! A fixture that cannot be made ends the test there, with what Keycloak answered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::{ADMINISTRATOR, Keycloak, origin, realms};
use crate::https::Request;

/// A token of the realm `master` lasts a minute.
const FRESH_FOR: Duration = Duration::from_secs(40);

/// More events than any story makes.
const EVENTS: usize = 10_000;

/// A realm, as its administrator. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Admin {
    keycloak: Keycloak,
    realm: String,
    token: Arc<Mutex<Option<(String, Instant)>>>,
}

/// One session of a user's, as Keycloak knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id, which is `sid` in tokens.
    pub id: String,
    /// The ids of the clients that were logged in to by it.
    pub clients: Vec<String>,
}

impl Admin {
    pub(super) fn new(keycloak: Keycloak, realm: String) -> Self {
        Self {
            keycloak,
            realm,
            token: Arc::default(),
        }
    }

    /// Makes a user whose password is her name, in these groups, which are made if need be.
    #[track_caller]
    pub fn create_user(&self, name: &str, groups: &[&str]) {
        for group in groups {
            // 409: somebody made it before.
            let (status, said) = self.call("POST", "groups", Some(&json!({ "name": group })));
            assert!(
                [201, 409].contains(&status),
                "group {group}: {status} {said}"
            );
        }
        let groups: Vec<String> = groups.iter().map(|group| format!("/{group}")).collect();
        let user = json!({
            "username": name,
            "enabled": true,
            "email": format!("{name}@example.test"),
            "emailVerified": true,
            "firstName": name,
            "lastName": "Test",
            "credentials": [{ "type": "password", "value": name, "temporary": false }],
            "groups": groups,
        });
        let (status, said) = self.call("POST", "users", Some(&user));
        assert_eq!(status, 201, "user {name}: {said}");
    }

    /// The sessions of a user.
    #[track_caller]
    pub fn sessions(&self, user: &str) -> Vec<Session> {
        let sessions = self.get(&format!("users/{}/sessions", self.user(user)));
        let clients = |session: &Value| {
            let clients = session["clients"].as_object();
            let ids = clients.into_iter().flat_map(|clients| clients.values());
            ids.map(text).collect()
        };
        let sessions = sessions.as_array().cloned().unwrap_or_default();
        sessions
            .iter()
            .map(|session| Session {
                id: text(&session["id"]),
                clients: clients(session),
            })
            .collect()
    }

    /// Ends all sessions of a user, as an administrator does who locks somebody out.
    #[track_caller]
    pub fn end_sessions(&self, user: &str) {
        let path = format!("users/{}/logout", self.user(user));
        let (status, said) = self.call("POST", &path, Some(&json!({})));
        assert_eq!(status, 204, "{user}: {said}");
    }

    /// How many events of this kind a user has had, such as `LOGIN` or `REFRESH_TOKEN`.
    #[track_caller]
    pub fn count(&self, kind: &str, user: &str) -> usize {
        self.events(kind, user).len()
    }

    /// The events of this kind that a user has had, the newest first.
    #[track_caller]
    pub fn events(&self, kind: &str, user: &str) -> Vec<Value> {
        let user = self.user(user);
        let events = self.get(&format!("events?type={kind}&max={EVENTS}"));
        // Where the session is gone only the token tells whose it was.
        let is_hers = |event: &&Value| {
            event["userId"] == user || event["details"]["refresh_token_sub"] == user
        };
        let events = events.as_array().into_iter().flatten();
        events.filter(is_hers).cloned().collect()
    }

    /// Sets an attribute of a client, such as `access.token.lifespan` in seconds, for everybody: a story
    /// does this to a client of its own.
    #[track_caller]
    pub fn set_attribute(&self, client: &str, name: &str, value: &str) {
        let mut found = self.client(client);
        found["attributes"][name] = value.into();
        let path = format!("clients/{}", text(&found["id"]));
        let (status, said) = self.call("PUT", &path, Some(&found));
        assert_eq!(status, 204, "{client}: {said}");
    }

    /// A copy of a client under another name, for one story. The API server does not accept its tokens.
    #[track_caller]
    pub fn copy_client(&self, client: &str, copy: &str) {
        let mut found = self.client(client);
        found["clientId"] = copy.into();
        // Ids of the old one: its own, and those of what it adds to tokens.
        let mappers = found["protocolMappers"].as_array_mut();
        for mapper in mappers
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            mapper.remove("id");
        }
        if let Some(found) = found.as_object_mut() {
            found.remove("id");
        }
        let (status, said) = self.call("POST", "clients", Some(&found));
        assert_eq!(status, 201, "{copy}: {said}");
    }

    /// Makes the realm, as platforms have it; `differs` is put over that. When there is one of this name it
    /// stays as it is.
    #[track_caller]
    pub fn create_realm(&self, differs: &Value) {
        let realm = realms::plain(&self.realm);
        let mut realm = realm.expect("because the manifest of a realm is JSON");
        realm.extend(differs.as_object().cloned().unwrap_or_default());
        let (status, said) = self.call_at("POST", "", Some(&realm.into()));
        // 409: somebody made it before.
        assert!([201, 409].contains(&status), "{}: {said}", self.realm);
    }

    /// Gives the realm a key for encryption that stands before those for signing in what it publishes.
    #[track_caller]
    pub fn put_encryption_key_first(&self) {
        let new = json!({
            "name": "encryption",
            "providerId": "rsa-enc-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": { "priority": ["1000"], "algorithm": ["RSA-OAEP"], "keySize": ["2048"] },
        });
        let (status, said) = self.call("POST", "components", Some(&new));
        assert_eq!(status, 201, "a key for encryption: {said}");
    }

    /// Replaces the key that signs tokens, as after a theft: what the old one signed is worth nothing as
    /// soon as somebody reads the new keys.
    #[track_caller]
    pub fn replace_signing_key(&self) {
        let kind = "org.keycloak.keys.KeyProvider";
        let providers = self.get(&format!("components?type={kind}"));
        let new = json!({
            "name": "signing",
            "providerId": "rsa-generated",
            "providerType": kind,
            "config": { "priority": ["200"], "keyUse": ["SIG"], "algorithm": ["RS256"], "keySize": ["2048"] },
        });
        let (status, said) = self.call("POST", "components", Some(&new));
        assert_eq!(status, 201, "a new key: {said}");
        let providers = providers.as_array().into_iter().flatten();
        for old in providers.filter(|provider| provider["providerId"] == "rsa-generated") {
            let path = format!("components/{}", text(&old["id"]));
            let (status, said) = self.call("DELETE", &path, None);
            assert_eq!(status, 204, "the old key: {said}");
        }
    }

    /// What Keycloak says at a path below `/admin/realms/REALM/`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let (status, said) = self.call("GET", path, None);
        assert_eq!(status, 200, "{path}: {said}");
        said
    }

    /// Any call at a path below `/admin/realms/REALM/`: the status code and the body.
    #[track_caller]
    pub fn call(&self, method: &'static str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.call_at(method, &format!("/{}/{path}", self.realm), body)
    }

    #[track_caller]
    fn call_at(&self, method: &'static str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let keycloak = &self.keycloak;
        let url = format!("{}/admin/realms{path}", origin(keycloak.address));
        let request = Request::new(method, &url).expect("because the URL is one of https");
        let mut request = request.bearer(&self.token());
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = keycloak.client.send(&request);
        let answer = answer.expect("because a Keycloak that runs answers");
        (answer.status(), answer.json())
    }

    #[track_caller]
    fn client(&self, client: &str) -> Value {
        let client = byte_serialize(client.as_bytes()).collect::<String>();
        let found = self.get(&format!("clients?clientId={client}"))[0].take();
        assert!(found.is_object(), "no client {client} in {}", self.realm);
        found
    }

    /// The id of a user, which is `sub` in tokens.
    #[track_caller]
    pub fn user(&self, name: &str) -> String {
        let name = byte_serialize(name.as_bytes()).collect::<String>();
        let found = self.get(&format!("users?exact=true&username={name}"));
        assert!(found[0].is_object(), "no user {name} in {}", self.realm);
        text(&found[0]["id"])
    }

    #[track_caller]
    fn token(&self) -> String {
        let mut held = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, since)) = &*held
            && since.elapsed() < FRESH_FOR
        {
            return token.clone();
        }
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", ADMINISTRATOR),
            ("password", ADMINISTRATOR),
        ];
        let (status, tokens) = self.keycloak.token_endpoint("master", &form);
        assert_eq!(status, 200, "the administrator: {tokens}");
        let token = text(&tokens["access_token"]);
        *held = Some((token.clone(), Instant::now()));
        token
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
