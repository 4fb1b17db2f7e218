//! Whoever reads a kubeconfig gets on with this one.

use datalab_lab::keycloak::REALM;
use datalab_lab::tenant::Stage;

#[test]
fn kubectl_helm_and_a_kube_based_program_share_one_login() {
    let Some(stage) = Stage::required_lab("kubectl, helm and a kube-based program share one login")
    else {
        return;
    };
    let keycloak = stage.keycloak();
    let play = stage.play();
    // As Onyxia binds a group's namespace: the group of the same name administers it.
    let team = play.group_tenant("team");
    let (alice, admin) = (play.name("alice"), keycloak.admin(REALM));
    admin.create_user(&alice, &[team.id()]);
    let laptop = datalab_journeys::logins::Laptop::of(&stage, &keycloak, REALM, &alice);
    laptop.set_up("kubernetes", team.namespace(), &[]).ok();

    let lab = stage.lab().expect("because the story asks for a lab");
    let helm = lab.helm().expect("because the lab can build helm");
    let releases = laptop
        .program([helm.as_os_str(), "list".as_ref(), "--output=json".as_ref()])
        .run()
        .ok();
    assert_eq!(releases.trim(), "[]");
    let shares = laptop.program(["kubectl", "datalab", "share-db", "list"]);
    shares.run().ok();
    laptop.kubectl(&["create", "configmap", "x"]).ok();
    assert_eq!((laptop.typed(), admin.count("LOGIN", &alice)), (1, 1));
    assert_eq!(admin.count("REFRESH_TOKEN", &alice), 0);

    // And where she may do nothing, each says so in its own words.
    let elsewhere = ["--namespace", "kube-system"];
    for line in [
        vec![helm.as_os_str(), "list".as_ref()],
        ["kubectl", "datalab", "share-db", "list"]
            .map(AsRef::as_ref)
            .to_vec(),
        ["kubectl", "get", "configmaps"].map(AsRef::as_ref).to_vec(),
    ] {
        let line = line.into_iter().chain(elsewhere.map(AsRef::as_ref));
        let said = laptop.program(line).run();
        assert!(!said.succeeded(), "{said}");
        let user = format!("User \"oidc-{alice}\" cannot list resource");
        assert!(said.stderr().contains(&user), "{said}");
    }
}
