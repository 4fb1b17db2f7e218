use super::Scene;
use crate::transcript::share_db;

#[test]
fn a_share_survives_its_pod_as_far_as_the_data_does() {
    let Some(scene) = Scene::required("failover") else {
        return;
    };
    let database = scene.database();
    let x = scene.play.tenant("x");
    let notebook = x.pod("notebook");
    scene.grant(&["--schema", "sales"]).ok();
    notebook.until_reachable(database.host());
    let login = scene.login(&x);
    let mut session = notebook.session(&login);
    let sum = "SELECT sum(amount) FROM sales.orders";
    assert_eq!(session.ask(sum).as_deref(), Ok("122.60"));

    // The lab's volume goes with the pod: what comes back has no login, as after a restore from a
    // backup that is older than the share.
    scene.me.kubectl(["delete", "pod", database.pod()]).ok();
    assert!(
        session.ask(sum).is_err(),
        "an open session outlived its pod"
    );
    database.resume();
    let list = || share_db(&scene.me, ["list", "--live", "-o", "wide", "--exit-code"]);
    scene.keep("failover-login-gone", &list());
    notebook.until_reachable(database.host());
    notebook.psql(&login, sum).fails();

    let mended = scene.grant(&["--schema", "sales"]);
    scene.keep("failover-mended", &mended);
    // The same Secret opens the door again: nothing has to be sent to the colleague.
    assert_eq!(notebook.psql(&login, sum).ok(), "122.60\n");
    scene.keep("failover-ok-again", &list());
}
