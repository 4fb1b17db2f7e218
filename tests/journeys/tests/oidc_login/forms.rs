//! What `setup --print` has for administrators, at work: Keycloak imports its client, and an API server
//! starts with its configuration.

use datalab_lab::keycloak::REALM;
use datalab_lab::tenant::Stage;
use serde_json::{Value, json};

use crate::api_server::ApiServer;
use crate::scene::{NOTHING_THERE, Scene, claims};

/// Has Keycloak take a printed client, scopes first, as the form says on standard error.
#[track_caller]
fn import(scene: &Scene, form: &str) {
    let form: Value = serde_json::from_str(form).expect("because the form is JSON");
    for scope in form["clientScopes"].as_array().into_iter().flatten() {
        let (status, said) = scene.admin.call("POST", "client-scopes", Some(scope));
        assert_eq!(status, 201, "{scope}: {said}");
    }
    let (status, said) = scene.admin.call("POST", "partialImport", Some(&form));
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["added"], 1, "{said}");
}

#[test]
fn keycloak_imports_the_client_and_its_logins_work() {
    let Some(stage) = Stage::required_lab("Keycloak imports the client, and its logins work")
    else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let alice = scene.member("alice");
    let laptop = scene.bare_laptop(&alice);
    let (client, scope) = (scene.play.name("cli"), scene.play.name("store"));
    let audience = format!("s3={scope}");
    let namespace = scene.team.namespace();

    // Before, the client is not known, and setup says so.
    let refused = laptop.set_up(&client, namespace, &["--audience", &audience]);
    assert!(refused.fails_with(4).contains("shows no login page"));

    let form = laptop.tool(&[
        "setup",
        "--print",
        "keycloak-client",
        "--issuer",
        &laptop.issuer(),
        "--client-id",
        &client,
        "--audience",
        &audience,
    ]);
    import(&scene, &form.ok());
    laptop
        .set_up(&client, namespace, &["--audience", &audience])
        .ok();
    laptop.tool(&["login"]).ok();
    let whoami: Value = serde_json::from_str(&laptop.tool(&["whoami", "-o", "json"]).ok())
        .expect("because -o json is JSON");
    assert_eq!(whoami["username"], alice.as_str());
    // By their names, not by their paths.
    assert_eq!(whoami["groups"], json!([scene.group()]), "{whoami}");
    let token = claims(&laptop.tool(&["token", "--audience", "s3"]).ok());
    let audiences = token["aud"].to_string();
    assert!(audiences.contains(&scope), "{token}");
    assert_eq!(laptop.typed(), 1);

    // No secret, no password grant: only a person at a login page gets anything.
    let password = [
        ("grant_type", "password"),
        ("client_id", client.as_str()),
        ("username", alice.as_str()),
        ("password", alice.as_str()),
        ("scope", "openid"),
    ];
    let (status, said) = scene.keycloak.token_endpoint(REALM, &password);
    assert_ne!(status, 200, "{said}");
    // PKCE is a must.
    let issuer = laptop.issuer();
    let device = format!("{issuer}/protocol/openid-connect/auth/device");
    let said = scene.post(&device, &[("client_id", &client), ("scope", "openid")]);
    assert!(said.contains("code_challenge"), "{said}");
}

#[test]
fn an_api_server_starts_with_the_configuration_and_the_group_decides() {
    const TEST: &str = "an API server starts with the printed configuration";
    let Some(stage) = Stage::required_lab(TEST) else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let (alice, bob) = (scene.member("alice"), scene.stranger("bob"));
    let mut laptop = scene.bare_laptop(&alice);
    let (issuer, authority) = (laptop.issuer(), scene.keycloak.certificate_authority());
    let authority = authority.display().to_string();
    let source = [
        "--issuer",
        &issuer,
        "--client-id",
        "kubernetes",
        "--issuer-ca",
        &authority,
    ];
    let print = |form: &str, more: &[&str]| {
        let line = [&["setup", "--print", form], &source[..], more].concat();
        laptop.tool(&line).ok()
    };
    let configuration = print("authentication-configuration", &["--prefix", "lab:"]);
    let server = ApiServer::start(&stage, &configuration);
    server.kubectl(&["create", "namespace", "team"], "").ok();
    let role = [
        "create",
        "clusterrole",
        "reader",
        "--verb=list",
        "--resource=pods",
    ];
    server.kubectl(&role, "").ok();
    let binding = print(
        "role-binding",
        &[
            "--group",
            scene.group(),
            "--namespace",
            "team",
            "--role",
            "reader",
            "--prefix",
            "lab:",
        ],
    );
    server.kubectl(&["apply", "-f", "-"], &binding).ok();

    let set_up = |laptop: &datalab_journeys::logins::Laptop, more: &[&str]| {
        let target = [
            "--server",
            server.url(),
            "--server-ca",
            &authority,
            "--name",
            "lab",
            "--namespace",
            "team",
        ];
        laptop
            .tool(&[&["setup"], &source[..], &target, more].concat())
            .ok();
    };
    set_up(&laptop, &[]);
    let said = laptop.kubectl(&["get", "pods"]);
    assert!(said.stderr().contains(NOTHING_THERE), "{said}");
    let whoami = laptop.tool(&["whoami", "--server", "-o", "json"]).ok();
    let whoami: Value = serde_json::from_str(&whoami).expect("because -o json is JSON");
    let user = &whoami["server"]["user"];
    assert_eq!(user["username"], format!("lab:{alice}"), "{whoami}");
    assert_eq!(
        user["groups"],
        json!([format!("lab:{}", scene.group()), "system:authenticated"])
    );
    assert_eq!(user["uid"], whoami["subject"]);

    // The doctor reads the same file, and sees why another audience would not do.
    let file = laptop.home().join("authentication.yaml");
    std::fs::write(&file, &configuration).expect("because the home is ours");
    let file = file.display().to_string();
    laptop
        .tool(&["doctor", "--authentication-config", &file])
        .ok();

    // Bob is known, and in no group: the same server, and no rights.
    laptop.sit_down(&bob);
    set_up(&laptop, &["--account", &bob]);
    let context = format!("{bob}@lab");
    let said = laptop
        .kubectl(&["--context", &context, "get", "pods"])
        .fails_with(1);
    let refused = format!("User \"lab:{bob}\" cannot list resource");
    assert!(said.contains(&refused), "{said}");
}

#[test]
fn an_api_server_that_expects_another_audience_is_explained() {
    const TEST: &str = "an API server that expects another audience is explained";
    let Some(stage) = Stage::required_lab(TEST) else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let alice = scene.member("alice");
    let laptop = scene.bare_laptop(&alice);
    let authority = scene.keycloak.certificate_authority().display().to_string();
    let configuration = laptop.tool(&[
        "setup",
        "--print",
        "authentication-configuration",
        "--issuer",
        &laptop.issuer(),
        "--issuer-ca",
        &authority,
        "--client-id",
        "somebody-else",
    ]);
    let configuration = configuration.ok();
    let server = ApiServer::start(&stage, &configuration);
    laptop
        .tool(&[
            "setup",
            "--issuer",
            &laptop.issuer(),
            "--issuer-ca",
            &authority,
            "--client-id",
            "kubernetes",
            "--server",
            server.url(),
            "--server-ca",
            &authority,
        ])
        .ok();
    laptop.tool(&["login"]).ok();
    let said = laptop.tool(&["whoami", "--server"]).fails_with(4);
    assert!(said.contains("does not accept the token"), "{said}");
    let file = laptop.home().join("authentication.yaml");
    std::fs::write(&file, configuration).expect("because the home is ours");
    let file = file.display().to_string();
    let diagnosis = laptop.tool(&["doctor", "--authentication-config", &file]);
    assert_eq!(diagnosis.code(), Some(1), "{diagnosis}");
    let said = diagnosis.stdout();
    assert!(
        said.contains("the token is for kubernetes; the API server wants somebody-else"),
        "{said}"
    );
    assert!(said.contains("(HTTP 401)"), "{said}");
}
