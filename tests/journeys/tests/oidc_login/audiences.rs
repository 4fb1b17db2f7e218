//! One login for all services of the platform.

use datalab_lab::keycloak::REALM;
use datalab_lab::tenant::Stage;

use crate::scene::{Scene, claims};

#[test]
fn one_login_is_good_for_all_audiences_of_a_client() {
    let Some(stage) = Stage::required_lab("one login is good for all audiences of a client") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let alice = scene.member("alice");
    let laptop = scene.bare_laptop(&alice);
    let audiences = ["--audience", "s3=minio", "--audience", "vault=vault"];
    laptop
        .set_up("kubernetes", scene.team.namespace(), &audiences)
        .ok();
    laptop.kubectl(&["get", "pods"]).ok();
    for (name, audience) in [("s3", "minio"), ("vault", "vault")] {
        let token = laptop.tool(&["token", "--audience", name]).ok();
        let claims = claims(&token);
        let found = &claims["aud"];
        let has = |wanted: &str| match found.as_array() {
            Some(several) => several.iter().any(|one| one == wanted),
            None => found == wanted,
        };
        assert!(has(audience), "{claims}");
        assert_eq!(claims["preferred_username"], alice.as_str());
        // A token is for the one that is asked for: neither for the other nor for the API server.
        for other in ["minio", "vault", "kubernetes"] {
            assert!(other == audience || !has(other), "{claims}");
        }
        if name == "s3" {
            assert_eq!(claims["policy"], "stsonly", "{claims}");
        }
    }
    assert_eq!((laptop.typed(), scene.admin.count("LOGIN", &alice)), (1, 1));
    // What kubectl sends is as before.
    laptop.kubectl(&["get", "pods"]).ok();
}

#[test]
fn a_service_with_a_client_of_its_own_takes_a_second_round_without_a_password() {
    let Some(stage) = Stage::required_lab("a second round takes no password") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let alice = scene.member("alice");
    let laptop = scene.bare_laptop(&alice);
    let audiences = ["--audience", "s3@onyxia-minio", "--audience", "vault@vault"];
    laptop
        .set_up("kubernetes", scene.team.namespace(), &audiences)
        .ok();
    laptop.kubectl(&["get", "pods"]).ok();
    let said = laptop.tool(&["token", "--audience", "s3"]);
    assert!(
        said.stderr().contains("one more round in the browser"),
        "{said}"
    );
    let s3 = claims(&said.ok());
    assert_eq!(s3["azp"], "onyxia-minio");
    assert_eq!(s3["policy"], "stsonly");
    let vault = claims(&laptop.tool(&["token", "--audience", "vault"]).ok());
    assert_eq!(vault["azp"], "vault");
    assert_eq!(laptop.typed(), 1);
    assert_eq!(scene.admin.sessions(&alice).len(), 1);

    // Each is kept: no third round.
    let rounds = scene.admin.count("LOGIN", &alice);
    laptop.tool(&["token", "--audience", "s3"]).ok();
    assert_eq!(scene.admin.count("LOGIN", &alice), rounds);
}
