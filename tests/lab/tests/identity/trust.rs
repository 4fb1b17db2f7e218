//! Whose tokens the API server takes, and for whom.

use datalab_lab::https::Request;
use datalab_lab::keycloak::{Keycloak, REALM, STRICT_REALM};
use datalab_lab::tenant::{Output, Stage};
use serde_json::Value;

/// kubectl with a token and nothing else of the administrator's.
fn kubectl_with(stage: &Stage, token: &str, words: &[&str]) -> Output {
    let lab = stage.lab().expect("because the story asks for a lab");
    let home = tempfile::tempdir().expect("because the folder for temporary files can be written");
    let line = [
        "kubectl".to_owned(),
        format!("--server={}", lab.server()),
        format!(
            "--certificate-authority={}",
            lab.certificate_authority().display()
        ),
        format!("--token={token}"),
    ];
    let words = words.iter().map(|word| (*word).to_owned());
    stage
        .program(line.into_iter().chain(words), home.path())
        .run()
}

fn id_token(keycloak: &Keycloak, realm: &str, user: &str) -> String {
    text(&keycloak.tokens(realm, user)["id_token"])
}

fn text(value: &Value) -> String {
    value.as_str().expect("because it is a string").to_owned()
}

#[test]
fn the_api_server_knows_users_and_groups_of_both_realms_apart() {
    let Some(stage) = Stage::required_lab("the API server knows users and groups of both realms")
    else {
        return;
    };
    let keycloak = stage.keycloak();
    for (realm, prefix) in [(REALM, "oidc-"), (STRICT_REALM, "strict-")] {
        let alice = id_token(&keycloak, realm, "alice");
        let said = kubectl_with(&stage, &alice, &["auth", "whoami", "--output=json"]).ok();
        let said: Value = serde_json::from_str(&said).expect("because kubectl was asked for JSON");
        let info = &said["status"]["userInfo"];
        assert_eq!(info["username"], format!("{prefix}alice"));
        let groups: Vec<String> = info["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .map(text)
            .collect();
        for group in ["datalab-admins", "datalab-users"] {
            let group = format!("{prefix}{group}");
            assert!(groups.contains(&group), "{group} is not in {groups:?}");
        }
    }
}

#[test]
fn a_group_of_the_realm_gets_what_its_role_binding_says() {
    let Some(stage) = Stage::required_lab("a group of the realm gets what its binding says") else {
        return;
    };
    let keycloak = stage.keycloak();
    let play = stage.play();
    let team = play.tenant("team");
    let (group, member, other) = (
        play.name("readers"),
        play.name("member"),
        play.name("other"),
    );
    let admin = keycloak.admin(REALM);
    admin.create_user(&member, &[&group]);
    admin.create_user(&other, &["datalab-users"]);
    team.show_pods_to(&format!("oidc-{group}"));

    let get = ["get", "pods", "--namespace", team.namespace()];
    let token = id_token(&keycloak, REALM, &member);
    kubectl_with(&stage, &token, &get).ok();
    let secrets = ["get", "secrets", "--namespace", team.namespace()];
    let said = kubectl_with(&stage, &token, &secrets).fails();
    assert!(said.contains("cannot list resource"), "{said}");
    let token = id_token(&keycloak, REALM, &other);
    let said = kubectl_with(&stage, &token, &get).fails();
    assert!(
        said.contains(&format!("User \"oidc-{other}\" cannot")),
        "{said}"
    );
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    let Some(stage) = Stage::required_lab("a token for somebody else is refused") else {
        return;
    };
    let keycloak = stage.keycloak();
    let tokens = keycloak.tokens(REALM, "alice");
    let own = text(&tokens["id_token"]);
    kubectl_with(&stage, &own, &["auth", "whoami"]).ok();
    // Signed by the same key for the same user, but not for Kubernetes.
    let other = text(&tokens["access_token"]);
    let said = kubectl_with(&stage, &other, &["auth", "whoami"]).fails();
    assert!(said.contains("Unauthorized"), "{said}");
    // The last letter of a signature may hold no bit of it; its first one does.
    let (head, signature) = own.rsplit_once('.').expect("because it is a JWT");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let broken = format!("{head}.{first}{}", &signature[1..]);
    let said = kubectl_with(&stage, &broken, &["auth", "whoami"]).fails();
    assert!(said.contains("Unauthorized"), "{said}");
}

#[test]
fn a_refresh_token_of_the_strict_realm_is_used_once() {
    let Some(stage) = Stage::required_lab("a refresh token of the strict realm is used once")
    else {
        return;
    };
    let keycloak = stage.keycloak();
    for (realm, second) in [(REALM, 200), (STRICT_REALM, 400)] {
        let token = text(&keycloak.tokens(realm, "bob")["refresh_token"]);
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "direct"),
            ("refresh_token", &token),
        ];
        let (status, said) = keycloak.token_endpoint(realm, &form);
        assert_eq!(status, 200, "{said}");
        let (status, said) = keycloak.token_endpoint(realm, &form);
        assert_eq!(status, second, "{said}");
    }
}

#[test]
fn one_issuer_is_reached_from_this_machine_and_from_pods() {
    let Some(stage) = Stage::required_lab("one issuer is reached from here and from pods") else {
        return;
    };
    let keycloak = stage.keycloak();
    let discovery = format!(
        "{}/.well-known/openid-configuration",
        keycloak.issuer(REALM)
    );
    let request = Request::get(&discovery).expect("because it is an address");
    let answer = keycloak.client().send(&request);
    let answer = answer.expect("because Keycloak runs");
    assert_eq!(answer.json()["issuer"], keycloak.issuer(REALM));

    let play = stage.play();
    let me = play.tenant("me");
    let pod = me.pod("notebook");
    let issuer = keycloak.issuer(REALM);
    let address = issuer.split('/').nth(2).unwrap_or_default();
    let connect = format!("exec 3<>/dev/tcp/{}", address.replace(':', "/"));
    pod.exec(["bash", "-c", &connect]).ok();
}
