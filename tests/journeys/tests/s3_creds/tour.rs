//! What she is told on the way: nothing of it is a secret.

use datalab_journeys::transcript::Transcript;
use datalab_lab::tenant::Stage;
use serde_json::Value;

use crate::scene::{Scene, script};

#[test]
fn every_verb_says_where_she_stands_and_shows_no_key() {
    let Some(stage) = Stage::required_lab("every verb says where she stands") else {
        return;
    };
    let scene = Scene::new(&stage);
    let transcript = Transcript::of(&scene.play, "s3_creds");
    let alice = scene.user("alice");
    scene.bucket(&alice);
    let platform = scene.platform(None);
    let laptop = scene.laptop(&alice, &platform);
    let keys = script(&laptop, "kubectl datalab s3-creds get -o json", &[]).ok();
    let keys: Value = serde_json::from_str(&keys).expect("because JSON was asked for");

    let mut told = String::new();
    for words in [
        "profiles",
        "whoami",
        "status",
        "verify --write --bucket BUCKET",
        "doctor",
        "logout",
        "status",
    ] {
        let line = format!("kubectl datalab s3-creds {words}").replace("BUCKET", &alice);
        let said = script(&laptop, &line, &[]);
        told.push_str(&format!("$ {line}\n{}{}", said.stdout(), said.stderr()));
        assert!(said.succeeded(), "{said}");
    }
    for secret in ["accessKeyId", "secretAccessKey", "sessionToken"] {
        let secret = keys[secret].as_str().expect("because keys were given");
        assert!(!told.contains(secret), "{told}");
    }
    // Columns are as wide as the lab's address.
    while told.contains("   ") {
        told = told.replace("   ", "  ");
    }
    transcript.keep_text("tour", &told);

    // What was forgotten is asked for again, by the same login.
    let again = script(&laptop, "kubectl datalab s3-creds get -o json", &[]).ok();
    let again: Value = serde_json::from_str(&again).expect("because JSON was asked for");
    assert_ne!(again["accessKeyId"], keys["accessKeyId"]);
    assert_eq!(laptop.typed(), 1);
}
