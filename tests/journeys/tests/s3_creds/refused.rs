//! Ceph says AccessDenied to everything, and no word more: what we say instead.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use datalab_journeys::transcript::Transcript;
use datalab_lab::keycloak::REALM;
use datalab_lab::tenant::Stage;
use serde_json::json;

use crate::counter::{Counter, REFUSED, UNREACHABLE, USAGE};
use crate::scene::{Scene, access_token, claims, token_of};

/// How long a token of a second may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// At the gateway of this scene, for the role of this user.
fn counter(scene: &Scene, user: &str) -> Counter {
    let authority = scene.ceph.certificate_authority();
    Counter::new(
        scene.bare_laptop(user),
        Transcript::of(&scene.play, "s3_creds"),
        vec![
            ("--endpoint", scene.ceph.url()),
            ("--role-arn", scene.ceph.role_arn(user)),
            ("--ca-file", authority.to_string_lossy().into_owned()),
        ],
    )
}

#[test]
fn a_role_is_named_that_there_is_and_that_trusts_the_token() {
    let Some(stage) = Stage::required_lab("a role that there is and that trusts the token") else {
        return;
    };
    let scene = Scene::new(&stage);
    let (alice, bob) = (scene.user("alice"), scene.user("bob"));
    let counter = counter(&scene, &alice);
    let token = access_token(&scene.keycloak, REALM, &alice);
    assert_eq!(counter.given(&token, &[])["server"], "ceph");
    let of = |role: &str| scene.ceph.role_arn(role);
    counter.refused("role-not-named", REFUSED, &token, &[("--role-arn", "")]);
    let unknown = of("no-such-role");
    counter.refused("role-unknown", REFUSED, &token, &[("--role-arn", &unknown)]);
    // A condition on the audience, and one on the user.
    let elsewhere = of("elsewhere");
    counter.refused(
        "role-for-another-audience",
        REFUSED,
        &token,
        &[("--role-arn", &elsewhere)],
    );
    let of_bob = of(&bob);
    counter.refused(
        "role-of-somebody-else",
        REFUSED,
        &token,
        &[("--role-arn", &of_bob)],
    );
}

#[test]
fn a_token_is_whole_and_still_good() {
    let Some(stage) = Stage::required_lab("a token is whole and still good") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    let counter = counter(&scene, &alice);
    counter.refused("token-is-none", USAGE, "no token at all", &[]);

    let token = access_token(&scene.keycloak, REALM, &alice);
    counter.given(&token, &[]);
    // Another signature of the same length.
    let (signed, signature) = token
        .rsplit_once('.')
        .expect("because a token has three parts");
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    counter.refused("token-forged", REFUSED, &forged, &[]);

    let client = scene.play.name("brief");
    scene.admin.copy_client("direct", &client);
    scene
        .admin
        .set_attribute(&client, "access.token.lifespan", "1");
    let brief = token_of(&scene.keycloak, REALM, &client, &alice);
    let end = claims(&brief)["exp"].as_u64().unwrap_or_default();
    let deadline = Instant::now() + ENDS_WITHIN;
    while SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .is_ok_and(|now| now.as_secs() <= end)
    {
        assert!(Instant::now() < deadline, "the token does not end");
        std::thread::sleep(Duration::from_millis(200));
    }
    counter.refused("token-expired", REFUSED, &brief, &[]);
}

#[test]
fn the_gateway_knows_the_client_and_the_issuer() {
    let Some(stage) = Stage::required_lab("the gateway knows the client and the issuer") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    let counter = counter(&scene, &alice);
    let client = scene.play.name("unregistered");
    scene.admin.copy_client("direct", &client);
    let token = token_of(&scene.keycloak, REALM, &client, &alice);
    counter.refused("client-not-registered", REFUSED, &token, &[]);

    // A realm of this story's own: unknown at first, then known, then with its keys in the wrong order.
    let realm = scene.play.name("realm");
    let admin = scene.keycloak.admin(&realm);
    admin.create_realm(&json!({}));
    let issuer = scene.keycloak.issuer(&realm);
    let role = datalab_lab::ceph::Role::new(&realm, &issuer);
    scene.ceph.create_role(&role);
    let arn = scene.ceph.role_arn(&realm);
    let role = [("--role-arn", arn.as_str())];
    let token = access_token(&scene.keycloak, &realm, "alice");
    counter.refused("issuer-not-registered", REFUSED, &token, &role);
    scene.ceph.trust(&issuer, &["direct"]);
    counter.given(&token, &role);
    admin.put_encryption_key_first();
    let token = access_token(&scene.keycloak, &realm, "alice");
    counter.refused("encryption-key-first", REFUSED, &token, &role);
    let said = counter.ask(&["doctor"], &token, &role);
    counter.keep("doctor-encryption-key-first", &said);
}

#[test]
fn what_is_asked_for_is_what_the_role_gives() {
    let Some(stage) = Stage::required_lab("what is asked for is what the role gives") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    let counter = counter(&scene, &alice);
    let token = access_token(&scene.keycloak, REALM, &alice);
    counter.refused("duration-too-long", USAGE, &token, &[("--duration", "12h")]);
    counter.refused(
        "duration-too-short",
        USAGE,
        &token,
        &[("--duration", "10m")],
    );
    counter.given(&token, &[("--duration", "15m")]);
    counter.given(&token, &[("--duration", "max")]);

    // Its form is right, which is all that can be seen without the server.
    let broken = counter.file(
        "broken.json",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"no-arn"}]}"#,
    );
    counter.refused("policy-malformed", USAGE, &token, &[("--policy", &broken)]);
}

#[test]
fn there_is_a_way_to_a_token_service() {
    let Some(stage) = Stage::required_lab("there is a way to a token service") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    let counter = counter(&scene, &alice);
    let token = access_token(&scene.keycloak, REALM, &alice);
    let url = scene.ceph.url();
    counter.refused("authority-not-known", REFUSED, &token, &[("--ca-file", "")]);
    let nowhere = url.replace(":7481", ":1");
    counter.refused(
        "nobody-listens",
        UNREACHABLE,
        &token,
        &[("--endpoint", &nowhere)],
    );
    let plain_port = url.replace(":7481", ":7480");
    counter.refused(
        "tls-to-a-plain-port",
        USAGE,
        &token,
        &[("--endpoint", &plain_port)],
    );
    let plain = scene.ceph.plain_url();
    counter.refused("plain-http", USAGE, &token, &[("--endpoint", &plain)]);
    let login = scene.issuer();
    counter.refused(
        "login-page-as-token-service",
        USAGE,
        &token,
        &[("--sts-endpoint", &login)],
    );
    let gateway = stage.versitygw().url();
    counter.refused(
        "store-without-token-service",
        USAGE,
        &token,
        &[("--sts-endpoint", &gateway)],
    );
}

#[test]
fn keys_open_something() {
    let Some(stage) = Stage::required_lab("keys open something") else {
        return;
    };
    let scene = Scene::new(&stage);
    let (alice, bob) = (scene.user("alice"), scene.user("bob"));
    scene.bucket(&alice);
    scene.bucket(&bob);
    let counter = counter(&scene, &alice);
    let token = access_token(&scene.keycloak, REALM, &alice);
    let verify =
        |differs: &[(&'static str, &str)]| counter.ask(&["verify", "--write"], &token, differs);
    verify(&[("--bucket", &alice)]).ok();
    for (name, differs) in [
        (
            "verify-no-rights",
            [
                ("--role-arn", scene.ceph.role_arn("powerless")),
                ("--bucket", alice.clone()),
            ],
        ),
        (
            "verify-bucket-of-somebody-else",
            [
                ("--role-arn", scene.ceph.role_arn(&alice)),
                ("--bucket", bob),
            ],
        ),
    ] {
        let differs: Vec<_> = differs
            .iter()
            .map(|(flag, value)| (*flag, value.as_str()))
            .collect();
        let said = verify(&differs);
        counter.keep(name, &said);
        said.fails_with(REFUSED);
    }
}
