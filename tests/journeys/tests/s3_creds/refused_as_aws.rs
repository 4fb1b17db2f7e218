//! VersityGW says why, as AWS does, and in fewer words than one would need.

use datalab_journeys::transcript::Transcript;
use datalab_lab::keycloak::REALM;
use datalab_lab::tenant::Stage;

use crate::counter::{Counter, REFUSED, USAGE};
use crate::scene::{Scene, access_token};

#[test]
fn a_store_that_speaks_as_aws_does_gives_keys_and_says_why_not() {
    let Some(stage) = Stage::required_lab("a store that speaks as AWS does") else {
        return;
    };
    let scene = Scene::new(&stage);
    let gateway = stage.versitygw();
    let authority = gateway.certificate_authority();
    let counter = Counter::new(
        scene.bare_laptop("alice"),
        Transcript::of(&scene.play, "s3_creds"),
        vec![
            ("--endpoint", gateway.url()),
            ("--sts-endpoint", gateway.sts_url()),
            ("--role-arn", gateway.role_arn("alice")),
            ("--ca-file", authority.to_string_lossy().into_owned()),
        ],
    );
    let tokens = gateway.tokens("alice");
    let token = tokens["access_token"].as_str().unwrap_or_default();
    counter.given(token, &[]);
    let bucket = format!("s3://{}", scene.play.name("alice"));
    counter.exec(token, &["aws", "s3", "mb", &bucket]).ok();
    let of_bob = format!("s3://{}", scene.play.name("bob"));
    let refused = counter.exec(token, &["aws", "s3", "mb", &of_bob]);
    assert!(refused.stderr().contains("AccessDenied"), "{refused}");

    let of = |role: &str| gateway.role_arn(role);
    let (unknown, long) = (of("no-such-role"), of("alice-long"));
    counter.given(token, &[("--role-arn", &long), ("--duration", "12h")]);
    counter.refused("aws-role-not-named", REFUSED, token, &[("--role-arn", "")]);
    counter.refused(
        "aws-role-unknown",
        REFUSED,
        token,
        &[("--role-arn", &unknown)],
    );
    counter.refused(
        "aws-duration-too-long",
        USAGE,
        token,
        &[("--duration", "12h")],
    );
    let elsewhere = access_token(&scene.keycloak, REALM, "alice");
    counter.refused("aws-issuer-unknown", REFUSED, &elsewhere, &[]);
    let broken = counter.file("broken.json", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"no-arn"}]}"#);
    counter.refused(
        "aws-policy-malformed",
        USAGE,
        token,
        &[("--policy", &broken)],
    );
}
