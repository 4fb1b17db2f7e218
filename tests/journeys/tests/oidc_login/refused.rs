//! A token that looks good and is refused.

use datalab_lab::https::Request;
use datalab_lab::keycloak::{REALM, ROLLOVER_REALM};
use datalab_lab::tenant::Stage;

use crate::scene::Scene;

#[test]
fn a_server_that_takes_no_token_gets_one_more_and_no_login() {
    let Some(stage) = Stage::required_lab("a server that takes no token gets one more") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let alice = scene.member("alice");
    // Its name is in no audience that the API server takes.
    let client = scene.play.name("unknown");
    scene.admin.copy_client("kubernetes", &client);
    let laptop = scene.laptop(&alice, &client);
    laptop.tool(&["login"]).ok();
    let refreshed = || scene.admin.count("REFRESH_TOKEN", &alice);
    assert_eq!(refreshed(), 0);

    // A kube-based program asks three times for one client, which tells nothing about a refusal.
    let said = laptop
        .program(["kubectl", "datalab", "share-db", "list"])
        .run();
    assert!(!said.succeeded(), "{said}");
    assert_eq!(refreshed(), 0);

    // kubectl asks once more after a 401: the token is exchanged, once for all of its requests.
    let said = laptop.kubectl(&["get", "pods"]).fails_with(1);
    assert!(said.contains("must be logged in"), "{said}");
    assert_eq!(refreshed(), 1, "{said}");
    laptop.kubectl(&["get", "pods"]).fails_with(1);
    assert!(refreshed() <= 2, "{} refreshes", refreshed());
    assert_eq!((laptop.typed(), scene.admin.count("LOGIN", &alice)), (1, 1));
}

#[test]
fn a_new_signing_key_costs_one_refresh() {
    let Some(stage) = Stage::required_lab("a new signing key costs one refresh") else {
        return;
    };
    let scene = Scene::new(&stage, ROLLOVER_REALM, "rollover-");
    let alice = scene.member("alice");
    let laptop = scene.laptop(&alice, "kubernetes");
    laptop.tool(&["login"]).ok();
    scene.admin.replace_signing_key();
    // Somebody's new token makes the API server read the new keys, and forget the old one.
    let tokens = scene.keycloak.tokens(ROLLOVER_REALM, "bob");
    let token = tokens["id_token"].as_str().expect("because it is a token");
    let lab = stage.lab().expect("because the story asks for a lab");
    let version = Request::get(&format!("{}/version", lab.server()));
    let version = version.expect("because it is an address").bearer(token);
    let answer = scene.keycloak.client().send(&version);
    assert_eq!(answer.map(|answer| answer.status()).ok(), Some(200));

    // kubectl hands the refusal of its first request on, and has the next token for the second.
    let first = laptop.kubectl(&["get", "pods"]);
    let second = laptop.kubectl(&["get", "pods"]);
    assert!(second.succeeded(), "{first}\n{second}");
    assert_eq!(scene.admin.count("REFRESH_TOKEN", &alice), 1, "{first}");
    assert_eq!((laptop.typed(), scene.admin.count("LOGIN", &alice)), (1, 1));
}
