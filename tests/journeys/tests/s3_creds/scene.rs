//! Users with buckets of their own, and a platform that tells where these are.

use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use datalab_journeys::logins::Laptop;
use datalab_lab::ceph::{Ceph, Key, Role};
use datalab_lab::keycloak::{Admin, Keycloak, REALM};
use datalab_lab::object_storage::{Dialect, Keys, ObjectStorage, Options, PlatformForm, Trust};
use datalab_lab::tenant::{Output, Play, Program, Stage};
use serde_json::{Value, json};

/// One story's users, and what the platform says of their storage.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) keycloak: Keycloak,
    pub(crate) ceph: Ceph,
    pub(crate) admin: Admin,
    pub(crate) play: Play,
}

impl Scene {
    #[track_caller]
    pub(crate) fn new(stage: &Stage) -> Self {
        let keycloak = stage.keycloak();
        Self {
            ceph: stage.ceph(),
            admin: keycloak.admin(REALM),
            play: stage.play(),
            keycloak,
            stage: stage.clone(),
        }
    }

    /// A user with a bucket and a role of the same name, which nobody else gets; returns the name.
    #[track_caller]
    pub(crate) fn user(&self, plain: &str) -> String {
        let user = self.play.name(plain);
        self.admin.create_user(&user, &["datalab-users"]);
        let role = Role::new(&user, &self.issuer())
            .only_with("sub", &self.admin.user(&user))
            .with_buckets_of(&user);
        self.ceph.create_role(&role);
        user
    }

    /// A bucket of somebody's own, with an object `rows.csv`.
    #[track_caller]
    pub(crate) fn bucket(&self, user: &str) {
        let key = self.key(user);
        for (path, body) in [
            (format!("/{user}"), &b""[..]),
            (format!("/{user}/rows.csv"), b"n\n1\n2\n39\n"),
        ] {
            let answer = self.ceph.s3(&key, "PUT", &path, body);
            assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        }
    }

    /// Keys for a user's role, by the lab's own hands.
    #[track_caller]
    pub(crate) fn key(&self, user: &str) -> Key {
        let tokens = self.keycloak.tokens(REALM, user);
        let token = tokens["access_token"].as_str().unwrap_or_default();
        let answer = self.ceph.assume(user, token, &[]);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        Key::of_answer(&answer.text())
    }

    /// The issuer that all of them log in at.
    pub(crate) fn issuer(&self) -> String {
        self.keycloak.issuer(REALM)
    }

    /// A platform whose region has this lab's API server and gateway, with a role for each user and a
    /// client for storage, or its own.
    #[track_caller]
    pub(crate) fn platform(&self, client: Option<&str>) -> ObjectStorage {
        let lab = self.stage.lab().expect("because the story asks for a lab");
        let issuer = self.issuer();
        let login = client.map(|client| json!({ "issuerURI": issuer, "clientID": client }));
        let tells = json!({
            "regions": [{
                "id": "lab",
                "name": "Lab",
                "services": { "k8sPublicEndpoint": {
                    "URL": lab.server(),
                    "oidcConfiguration": { "clientID": "kubernetes" },
                } },
                "data": { "S3": {
                    "URL": self.ceph.url(),
                    "pathStyleAccess": true,
                    "region": "us-east-1",
                    "sts": {
                        "durationSeconds": 3600,
                        "role": {
                            "profileName": "default",
                            "roleARN": self.ceph.role_arn("$1"),
                            "roleSessionName": "onyxia",
                            "claimName": "preferred_username",
                            "includedClaimPattern": "^(.+)$",
                        },
                        "oidcConfiguration": login,
                    },
                } },
            }],
            "oidcConfiguration": { "issuerURI": issuer, "clientID": "kubernetes" },
        });
        // Only its page is asked for.
        let trust = Trust {
            issuer,
            client_ids: Vec::new(),
            keys: Keys::Given(Value::Null),
        };
        let mut options = Options::new(Dialect::Ceph, trust);
        options.settings.platform = PlatformForm::Given(tells);
        ObjectStorage::start(options).expect("because there are ports")
    }

    /// A machine of this user's with clients of S3, where nothing is set up.
    #[track_caller]
    pub(crate) fn bare_laptop(&self, user: &str) -> Laptop {
        Laptop::of(&self.stage, &self.keycloak, REALM, user).with_consumers(&self.stage.consumers())
    }

    /// The same, where `oidc-login setup` was told the platform's address.
    #[track_caller]
    pub(crate) fn laptop(&self, user: &str, platform: &ObjectStorage) -> Laptop {
        let laptop = self.bare_laptop(user);
        let authorities = authorities(&laptop);
        let of_platform = platform.authority();
        let both: [&Path; 2] = [&of_platform, self.ceph.certificate_authority()];
        let both = both.map(|file| std::fs::read(file).expect("because it is the lab's"));
        let written = std::fs::write(&authorities, both.concat());
        written.expect("because the home is ours");
        let authority = authorities.to_string_lossy();
        let setup = [
            "setup",
            "--onyxia",
            platform.url(),
            "--issuer-ca",
            &authority,
            "--server-ca",
            &authority,
        ];
        laptop.tool(&setup).ok();
        laptop
    }
}

/// The file with the authorities of all servers, which her administrator gave her.
pub(crate) fn authorities(laptop: &Laptop) -> PathBuf {
    laptop.home().join("authorities.pem")
}

/// A program on her machine, told of them: our tools by one variable, Rust's clients by another.
#[track_caller]
pub(crate) fn program<'a>(laptop: &Laptop, line: impl IntoIterator<Item = &'a str>) -> Program {
    let authorities = authorities(laptop);
    laptop
        .program(line)
        .env("DATALAB_CA_FILE", &authorities)
        .env("SSL_CERT_FILE", &authorities)
}

/// What a script of bash does in her home, with `words` as its arguments; it ends at the first failure.
#[track_caller]
pub(crate) fn script(laptop: &Laptop, script: &str, words: &[&str]) -> Output {
    let script = format!("cd; {script}");
    let line = ["bash", "-ec", &script, "bash"];
    program(laptop, line.iter().chain(words).copied()).run()
}

/// An access token for a user, of the client that gives one for a password.
#[track_caller]
pub(crate) fn access_token(keycloak: &Keycloak, realm: &str, user: &str) -> String {
    token_of(keycloak, realm, "direct", user)
}

/// An access token for a user, of a copy of that client.
#[track_caller]
pub(crate) fn token_of(keycloak: &Keycloak, realm: &str, client: &str, user: &str) -> String {
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("scope", "openid"),
        ("username", user),
        ("password", user),
    ];
    let (status, tokens) = keycloak.token_endpoint(realm, &form);
    assert_eq!(status, 200, "{user} in {realm}: {tokens}");
    tokens["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// What a token says.
#[track_caller]
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1);
    let payload = payload.expect("because a token has three parts");
    let payload = BASE64URL_NOPAD.decode(payload.as_bytes());
    let payload = payload.expect("because a token is in base64");
    serde_json::from_slice(&payload).expect("because a token holds JSON")
}
