//! A share's whole life, its tool killed before and after each request and statement: made, widened to
//! more people, narrowed to fewer (who must not learn the new password), taken back. The database is
//! open to the cluster and gets closed, so that every object that a grant can make is made.

use datalab_lab::proxy::What;

use crate::life::{Life, Step};
use crate::scene::{Scene, words};

/// Each half has a tenant and a database of its own, so that they go on side by side; both have about
/// as many points.
const HALVES: [[&str; 2]; 2] = [["grant", "revoke"], ["wider", "narrower"]];

#[track_caller]
fn kill_everywhere(test: &str, what: &What, half: usize) {
    let Some(scene) = Scene::required(test) else {
        return;
    };
    let database = scene.database(false);
    let (x, user_x, user_y) = (scene.namespace("x"), scene.user("x"), scene.user("y"));
    let grant = format!("postgres --with {x} --isolate --yes --subject {user_x} --schema sales");
    let step = |name, line: &str, at_least| Step {
        name,
        command: words(line),
        at_least,
    };
    let life = Life {
        scene: &scene,
        database: &database,
        steps: [
            step("grant", &format!("{grant} --until 2027-01-31"), 30),
            step(
                "wider",
                &format!(
                    "{grant} --schema research --access write --no-expiry --connection-limit 9 --subject {user_y}"
                ),
                25,
            ),
            step("narrower", &format!("{grant} --until 2027-01-31"), 25),
            step(
                "revoke",
                &format!("revoke postgres --with {x} --unisolate --yes"),
                20,
            ),
        ],
    };
    life.kill(what, &HALVES[half]);
}

#[test]
fn before_each_point_of_the_first_and_the_last() {
    kill_everywhere(
        "killed before each point of the first and the last",
        &What::StopBefore,
        0,
    );
}

#[test]
fn before_each_point_of_the_changes() {
    kill_everywhere(
        "killed before each point of the changes",
        &What::StopBefore,
        1,
    );
}

#[test]
fn after_each_point_of_the_first_and_the_last() {
    kill_everywhere(
        "killed after each point of the first and the last",
        &What::StopAfter,
        0,
    );
}

#[test]
fn after_each_point_of_the_changes() {
    kill_everywhere(
        "killed after each point of the changes",
        &What::StopAfter,
        1,
    );
}
