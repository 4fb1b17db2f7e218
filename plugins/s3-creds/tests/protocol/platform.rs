//! The platform's address is enough.

use datalab_lab::object_storage::{Dialect, Endpoint, Fault, PlatformForm, Reply, What};
use serde_json::json;

use crate::call::Output;
use crate::desk::{Desk, keep};

fn get(desk: &Desk, more: &[&str]) -> Output {
    let file = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let call = desk.tool([
        "get",
        "-o",
        "json",
        "--onyxia",
        desk.storage.url(),
        "--ca-file",
    ]);
    call.words([file(desk.storage.authority()), "--issuer-ca".to_owned()])
        .words([file(desk.provider.authority())])
        .words(more.iter().copied())
        .run()
}

/// A desk whose platform has this client and tells this; its users' tokens are for the store.
fn desk(dialect: Dialect, form: PlatformForm) -> Desk {
    let desk = Desk::with(dialect, |options| options.settings.platform = form);
    desk.provider.set(|settings| {
        let client = datalab_lab::identity_provider::default_client();
        for name in ["onyxia", "onyxia-minio"] {
            settings.clients.insert(name.to_owned(), client.clone());
        }
        let claims = &mut settings.access_token_claims;
        claims.insert("aud".to_owned(), json!(["account", "minio"]));
    });
    desk
}

#[test]
fn store_role_and_login_come_from_the_platform() {
    let with_role = |arn: String| PlatformForm::Now {
        client_id: Some("onyxia-minio".to_owned()),
        roles: vec![("mine".to_owned(), arn)],
    };
    let ceph = Dialect::Ceph.role("datalab");
    for (dialect, form, client, role) in [
        (Dialect::Minio, PlatformForm::default(), "onyxia", None),
        (
            Dialect::Minio,
            PlatformForm::Older { role_arn: None },
            "onyxia",
            None,
        ),
        (
            Dialect::Ceph,
            with_role(ceph.clone()),
            "onyxia-minio",
            Some(&ceph),
        ),
        (
            Dialect::Ceph,
            PlatformForm::Older {
                role_arn: Some(ceph.clone()),
            },
            "onyxia",
            Some(&ceph),
        ),
    ] {
        let desk = desk(dialect, form.clone());
        let output = get(&desk, &["--trust"]);
        output.json();
        let issued = desk.storage.issued().pop().unwrap();
        assert_eq!(issued.claims["azp"], json!(client), "{form:?}");
        assert_eq!(issued.role_arn.as_ref(), role, "{form:?}");
        // What the platform asks for: a week of MinIO, an hour of Ceph.
        let asked = if dialect == Dialect::Minio {
            604_800
        } else {
            3600
        };
        assert_eq!(issued.asked_seconds, Some(asked), "{form:?}");
        // The second call asks nobody for keys.
        get(&desk, &[]).json();
        assert_eq!(desk.storage.count(Endpoint::AssumeRole), 1);
    }
}

#[test]
fn a_platform_that_was_not_heard_of_is_asked_about() {
    let desk = desk(Dialect::Minio, PlatformForm::default());
    let output = get(&desk, &[]);
    output.failed(4);
    assert_eq!(
        (
            desk.provider.logins(),
            desk.storage.count(Endpoint::AssumeRole)
        ),
        (0, 0)
    );
    keep("stranger", &output.to_string());
}

#[test]
fn several_profiles_want_a_choice() {
    let arn = |name| Dialect::Ceph.role(name);
    let form = PlatformForm::Now {
        client_id: None,
        roles: vec![
            ("mine".to_owned(), arn("datalab")),
            ("long jobs".to_owned(), arn("long")),
        ],
    };
    let desk = desk(Dialect::Ceph, form);
    let mut all = String::new();
    let several = get(&desk, &["--trust"]);
    several.failed(3);
    all.push_str(&format!("## none is named\n{several}\n\n"));
    let unknown = get(&desk, &["--trust", "--profile", "yours"]);
    unknown.failed(3);
    all.push_str(&format!("## an unknown one is named\n{unknown}\n\n"));
    keep("profiles", &all);
    get(&desk, &["--trust", "--profile", "long jobs"]).json();
    let issued = desk.storage.issued().pop().unwrap();
    assert_eq!(issued.role_arn, Some(arn("long")));
}

#[test]
fn a_page_is_no_platform() {
    let mut all = String::new();
    let html = Reply::html(200, "<!DOCTYPE html><title>Onyxia</title>");
    for (what, reply) in [
        ("a page", html),
        ("nothing", Reply::empty(404)),
        (
            "regions without stores",
            Reply::json(200, &json!({"regions": [{"id": "a"}]})),
        ),
        ("no regions", Reply::json(200, &json!({"regions": []}))),
    ] {
        let desk = desk(Dialect::Minio, PlatformForm::default());
        let fault = Fault::at(Endpoint::Configuration, What::Answer(reply));
        desk.storage.arm([fault]);
        let output = get(&desk, &["--trust"]);
        assert!(
            [2, 3].contains(&output.code) && output.stdout.is_empty(),
            "{output}"
        );
        all.push_str(&format!("## {what}\n{output}\n\n"));
    }
    keep("no-platform", &all);
}
