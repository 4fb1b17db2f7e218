//! What looks, and hands no keys out: `whoami`, `doctor`, `verify`.

use datalab_lab::object_storage::{Dialect, Endpoint, Fault, PlatformForm, Reply, Transport, What};
use serde_json::json;

use crate::desk::{Desk, keep};

/// A platform with a store for each of two clients, each with a profile of its own.
fn two_stores(desk: &Desk) {
    desk.provider.set(|settings| {
        let client = datalab_lab::identity_provider::default_client();
        for name in ["one", "two"] {
            settings.clients.insert(name.to_owned(), client.clone());
        }
    });
    let url = desk.storage.url();
    let store = |name: &str| {
        json!({
            "URL": url, "pathStyleAccess": true, "region": "us-east-1",
            "sts": {
                "URL": url,
                "role": [{"profileName": name, "roleARN": "", "roleSessionName": ""}],
                "oidcConfiguration": {"clientID": name},
            },
        })
    };
    let document = json!({
        "regions": [{"id": "datalab", "services": {}, "data": {"S3": [store("one"), store("two")]}}],
        "oidcConfiguration": {"issuerURI": desk.provider.issuer(), "clientID": "onyxia"},
    });
    desk.storage
        .set(|settings| settings.platform = PlatformForm::Given(document.clone()));
}

fn platform(desk: &Desk) -> Vec<String> {
    let file = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    vec![
        "--trust".to_owned(),
        "--onyxia".to_owned(),
        desk.storage.url().to_owned(),
        "--ca-file".to_owned(),
        file(desk.storage.authority()),
        "--issuer-ca".to_owned(),
        file(desk.provider.authority()),
    ]
}

#[test]
fn whoami_asks_as_the_client_of_the_named_profile() {
    let desk = Desk::new(Dialect::Minio);
    two_stores(&desk);
    for profile in ["two", "one"] {
        let output = desk
            .tool(["whoami", "-o", "json", "--profile", profile])
            .words(platform(&desk))
            .run();
        let identity = output.json();
        assert_eq!(identity["authorizedParty"], json!(profile), "{output}");
    }
    let nobody = desk.tool(["whoami"]).words(platform(&desk)).run();
    nobody.failed(3);
    let unknown = desk
        .tool(["whoami", "--profile", "three"])
        .words(platform(&desk))
        .run();
    unknown.failed(3);
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 0);
}

#[test]
fn the_doctor_keeps_what_it_has_found() {
    let desk = Desk::new(Dialect::Minio);
    desk.storage.arm([Fault::at(
        Endpoint::Configuration,
        What::Answer(Reply::empty(404)),
    )]);
    let output = desk
        .tool(["doctor"])
        .words(platform(&desk))
        .with("AWS_ACCESS_KEY_ID", "AKIAOLD")
        .run();
    assert_eq!(output.code, 1, "{output}");
    keep("doctor-no-platform", &output.to_string());
}

#[test]
fn a_store_that_is_elsewhere() {
    let desk = Desk::new(Dialect::Minio);
    let reply = Reply::redirect(301, "https://b.s3.eu-west-3.example/");
    desk.storage
        .arm([Fault::at(Endpoint::ListBuckets, What::Answer(reply))]);
    let output = desk.tool(["verify"]).words(desk.source()).run();
    assert_eq!(output.code, 4, "{output}");
    keep("store-redirects", &output.to_string());
}

#[test]
fn a_store_whose_certificate_is_not_trusted() {
    // Its token service is another desk's, whose authority is the only one that is trusted.
    let desk = Desk::new(Dialect::Minio);
    let strange = Desk::with(Dialect::Minio, |options| {
        options.transport = Transport::SelfSigned;
    });
    let words = desk.source().into_iter().map(|word| match word {
        word if word == desk.storage.url() => strange.storage.url().to_owned(),
        word => word,
    });
    let output = desk
        .tool(["verify", "--sts-endpoint", desk.storage.url()])
        .words(words)
        .run();
    assert_eq!(output.code, 4, "{output}");
    assert_eq!(strange.storage.requests().len(), 0);
    keep("store-certificate", &output.to_string());
}

#[test]
fn the_doctor_looks_for_no_token_of_a_store_without_temporary_keys() {
    let desk = Desk::new(Dialect::Minio);
    let words = ["doctor", "--server", "static", "--endpoint"];
    let call = desk.tool(words).words([desk.storage.url(), "--keys", "-"]);
    let output = call.reading("nothing of the kind").run();
    assert_eq!(output.code, 1, "{output}");
    assert!(
        output.stdout.contains("standard input holds no"),
        "{output}"
    );
    assert!(!output.stdout.contains("id token"), "{output}");
    assert_eq!(desk.provider.requests().len(), 0);
}
