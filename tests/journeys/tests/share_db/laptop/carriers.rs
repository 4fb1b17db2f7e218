use datalab_lab::tenant::{Release, Stage};

use super::{ORDERS, SUMMED, Scene};

#[test]
fn a_notebook_carries_the_connection_and_a_relay_where_there_is_none() {
    let Some(stage) = Stage::required("a notebook carries the connection") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));

    // No pod of the colleague's runs: a relay is made, said, and gone again.
    let relayed = scene.connect(&["--", "psql", "-Atc", ORDERS]);
    assert!(relayed.stderr().contains("starting relay pod"), "{relayed}");
    assert_eq!(relayed.ok(), SUMMED);
    super::relay::until_no_relay(&scene);

    // One runs: it carries, by python3; nothing is made.
    let _notebook = scene.x.pod("notebook");
    let carried = scene.connect(&["--", "psql", "-Atc", ORDERS]);
    let said = format!("connected through pod notebook of {}", scene.x.namespace());
    assert!(carried.stderr().contains(&said), "{carried}");
    assert!(!carried.stderr().contains("relay"), "{carried}");
    assert_eq!(carried.ok(), SUMMED);
}
