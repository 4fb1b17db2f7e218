//! The first commands of two users at one issuer, until one of them logs out.

use std::fs;
use std::path::Path;
use std::process::Command;

use datalab_journeys::transcript::Transcript;
use datalab_lab::keycloak::REALM;
use datalab_lab::tenant::Stage;

use crate::scene::{NOTHING_THERE, Scene};

#[test]
fn the_first_command_logs_in_and_the_group_decides() {
    let Some(stage) = Stage::required_lab("the first command logs in and the group decides") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let transcript = Transcript::of(&scene.play, "oidc_login");
    let (alice, bob) = (scene.member("alice"), scene.stranger("bob"));
    let namespace = scene.team.namespace();
    let mut laptop = scene.bare_laptop(&alice);
    laptop
        .set_up("kubernetes", namespace, &["--name", "lab"])
        .ok();

    // kubectl itself brings alice to Keycloak's page; the second command does not.
    let first = laptop.kubectl(&["get", "pods"]);
    transcript.keep("first-command", &first);
    assert!(first.stderr().contains(NOTHING_THERE), "{first}");
    first.ok();
    laptop.kubectl(&["get", "pods"]).ok();
    assert_eq!((laptop.typed(), scene.admin.count("LOGIN", &alice)), (1, 1));
    let said = laptop.kubectl(&["get", "secrets"]).fails_with(1);
    assert!(said.contains("cannot list resource"), "{said}");

    // Bob, at the same machine and the same issuer, is himself.
    laptop.sit_down(&bob);
    let account = ["--name", "lab", "--account", &bob];
    laptop.set_up("kubernetes", namespace, &account).ok();
    let bobs = format!("{bob}@lab");
    let said = laptop.kubectl(&["--context", &bobs, "get", "pods"]);
    let said = said.fails_with(1);
    assert!(
        said.contains(&format!("User \"oidc-{bob}\" cannot list resource")),
        "{said}"
    );
    let whoami = [
        "auth",
        "whoami",
        "--output=jsonpath={.status.userInfo.username}",
    ];
    assert_eq!(laptop.kubectl(&whoami).ok(), format!("oidc-{alice}"));
    assert_eq!((laptop.typed(), scene.admin.count("LOGIN", &bob)), (2, 1));
    let sessions = laptop.tool(&["list"]).ok();
    assert!(
        sessions.contains(&alice) && sessions.contains(&bob),
        "{sessions}"
    );

    // A thief's copy of alice's files is good for nothing once she has logged out.
    let thief = scene.bare_laptop(&alice).headless();
    copy(laptop.home(), thief.home());
    let refresh = ["refresh", "--now", "--context", "lab"];
    thief.tool(&refresh).ok();
    let out = laptop.tool(&["logout", "--context", "lab"]);
    transcript.keep("logout", &out);
    out.ok();
    let patience = ["--login-timeout", "2s"];
    let said = thief.tool(&[&refresh[..], &patience].concat());
    assert!(!said.succeeded(), "{said}");
    assert!(said.stderr().contains("a new login is needed"), "{said}");
    let errors = scene.admin.events("REFRESH_TOKEN_ERROR", &alice);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0]["error"], "invalid_token");

    // Bob's session is another one.
    let said = laptop.kubectl(&["--context", &bobs, "auth", "whoami"]);
    assert!(said.stdout().contains(&bob), "{said}");
    assert_eq!(laptop.typed(), 2);
}

#[test]
fn a_logout_is_of_one_program_or_of_all() {
    let Some(stage) = Stage::required_lab("a logout is of one program or of all") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let transcript = Transcript::of(&scene.play, "oidc_login");
    let alice = scene.member("alice");
    let laptop = scene.bare_laptop(&alice);
    let audience = ["--audience", "vault@vault"];
    laptop
        .set_up("kubernetes", scene.team.namespace(), &audience)
        .ok();
    laptop.kubectl(&["get", "pods"]).ok();
    laptop.tool(&["token", "--audience", "vault"]).ok();
    let (issuer, authority) = (
        laptop.issuer(),
        scene.keycloak.certificate_authority().to_string_lossy(),
    );
    let other = ["login", "--issuer", &issuer, "--issuer-ca", &authority];
    laptop
        .tool(&[&other[..], &["--client-id", "onyxia-minio"]].concat())
        .ok();

    // A service of this login ends with it. Another program's session goes on, and so does the
    // browser's: the next login takes no password.
    laptop.tool(&["logout"]).ok();
    let left = laptop.tool(&["list"]).ok();
    assert!(left.contains("onyxia-minio"), "{left}");
    assert!(
        !left.contains("vault") && !left.contains("kubernetes"),
        "{left}"
    );
    assert_eq!(scene.admin.sessions(&alice).len(), 1);
    laptop.kubectl(&["get", "pods"]).ok();
    assert_eq!((laptop.typed(), scene.admin.count("LOGIN", &alice)), (1, 4));

    // Now it is not, and neither is any other program.
    let out = laptop.tool(&["logout", "--sso"]);
    transcript.keep("logout-everywhere", &out);
    out.ok();
    assert_eq!(scene.admin.sessions(&alice), []);
    laptop.kubectl(&["get", "pods"]).ok();
    assert_eq!((laptop.typed(), scene.admin.count("LOGIN", &alice)), (2, 5));

    // Nothing is left at this machine, and there is nothing to end twice.
    laptop.tool(&["logout", "--all"]).ok();
    let sessions = laptop.tool(&["list"]).ok();
    assert!(!sessions.contains(&alice), "{sessions}");
    let again = laptop.tool(&["logout", "--all"]).ok();
    assert!(again.contains("not logged in"), "{again}");
}

/// Everything in a folder, with modes and owners.
#[track_caller]
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("because the home is ours") {
        let entry = entry.expect("because the home is ours").path();
        let copied = Command::new("cp")
            .arg("--archive")
            .args([&entry, to])
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "{entry:?}");
    }
}
