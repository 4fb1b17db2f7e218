//! A team with a namespace, and members that Keycloak knows.

use data_encoding::BASE64URL_NOPAD;
use datalab_journeys::logins::Laptop;
use datalab_lab::https::Request;
use datalab_lab::keycloak::{Admin, Keycloak};
use datalab_lab::tenant::{Play, Stage, Tenant};
use serde_json::Value;

/// What kubectl shows of a namespace without pods: whoever sees that may look.
pub(crate) const NOTHING_THERE: &str = "No resources found";

/// One story's users and their namespace.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) keycloak: Keycloak,
    pub(crate) admin: Admin,
    pub(crate) play: Play,
    /// The namespace whose pods the team sees.
    pub(crate) team: Tenant,
    realm: &'static str,
    group: String,
}

impl Scene {
    /// In this realm, whose names the API server knows by a prefix.
    #[track_caller]
    pub(crate) fn new(stage: &Stage, realm: &'static str, prefix: &str) -> Self {
        let keycloak = stage.keycloak();
        let play = stage.play();
        let team = play.tenant("team");
        let group = play.name("readers");
        team.show_pods_to(&format!("{prefix}{group}"));
        Self {
            admin: keycloak.admin(realm),
            group,
            team,
            play,
            realm,
            keycloak,
            stage: stage.clone(),
        }
    }

    /// The team's group, as the realm calls it.
    pub(crate) fn group(&self) -> &str {
        &self.group
    }

    /// A user who is in the team, by her full name.
    #[track_caller]
    pub(crate) fn member(&self, plain: &str) -> String {
        let user = self.play.name(plain);
        self.admin.create_user(&user, &[&self.group]);
        user
    }

    /// A user who is not.
    #[track_caller]
    pub(crate) fn stranger(&self, plain: &str) -> String {
        let user = self.play.name(plain);
        self.admin.create_user(&user, &[]);
        user
    }

    /// What Keycloak answers to a form.
    #[track_caller]
    pub(crate) fn post(&self, url: &str, form: &[(&str, &str)]) -> String {
        let request = Request::form(url, form.iter().copied());
        let request = request.expect("because the URL is one of https");
        let answer = self.keycloak.client().send(&request);
        answer.expect("because a Keycloak that runs answers").text()
    }

    /// A machine of this user's, where kubectl is set up with this client.
    #[track_caller]
    pub(crate) fn laptop(&self, user: &str, client: &str) -> Laptop {
        let laptop = self.bare_laptop(user);
        laptop.set_up(client, self.team.namespace(), &[]).ok();
        laptop
    }

    /// A machine of this user's, where nothing is set up.
    #[track_caller]
    pub(crate) fn bare_laptop(&self, user: &str) -> Laptop {
        Laptop::of(&self.stage, &self.keycloak, self.realm, user)
    }
}

/// What a token says.
#[track_caller]
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.trim_end().split('.').nth(1);
    let payload = payload.expect("because a token has three parts");
    let payload = BASE64URL_NOPAD.decode(payload.as_bytes());
    let payload = payload.expect("because a token is in base64");
    serde_json::from_slice(&payload).expect("because a token holds JSON")
}
