use datalab_lab::tenant::{CLOUDNATIVE_PG, Release, Stage};
use serde_json::json;

use super::Scene;
use crate::transcript::command_line;

/// Stands for `--operator-namespace`.
const VARIABLE: &str = "DATALAB_OPERATOR_NAMESPACE";

#[test]
fn an_operator_that_policies_keep_out_is_warned_of_and_let_in() {
    let test = "operator kept out";
    let (Some(_lab), Some(scene)) = (Stage::required_lab(test), Scene::required(test)) else {
        return;
    };
    let release = Release::named("postgresql-cnpg-123456");
    let database = scene.me.cluster(release).ready();
    // As the chart would have it if its policy selected its pods.
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "mended", "namespace": scene.me.namespace()},
        "spec": {
            "podSelector": {"matchLabels": {"cnpg.io/cluster": database.fullname()}},
            "ingress": [{"from": [{"podSelector": {}}]}],
        },
    });
    let create = scene.me.program(["kubectl", "create", "-f", "-"]);
    create.input(policy.to_string()).run().ok();
    scene.keep("operator-kept-out", &scene.grant(&[]));

    // Nobody is guessed, and nothing is written for a wrong name either.
    let inventory = scene.me.inventory();
    scene.keep("operator-not-named", &scene.grant(&["--isolate", "--yes"]));
    let with = scene.with();
    let grant = |options: &[&str]| {
        let words = ["postgres", "--with", &with];
        scene
            .me
            .program(command_line([words.as_slice(), options].concat()))
    };
    let wrong = grant(&["--isolate", "--yes"]).env(VARIABLE, "CNPG System");
    scene.keep("operator-variable-wrong", &wrong.run());
    inventory.assert_unchanged(&scene.me.inventory());

    // The variable names it, and the flag wins over the variable.
    let (namespace, _) = CLOUDNATIVE_PG;
    let named = grant(&["--isolate", "--yes"]).env(VARIABLE, namespace);
    scene.keep("operator-let-in", &named.run());
    let again = grant(&["--exit-code", "--operator-namespace", namespace]);
    let told = again.env(VARIABLE, "elsewhere").run().ok();
    assert!(told.starts_with("share unchanged: "), "{told}");
    // Left in a shell, it does not move what was named once.
    let again = grant(&["--exit-code"]);
    let told = again.env(VARIABLE, "elsewhere").run().ok();
    assert!(told.starts_with("share unchanged: "), "{told}");
    // What was named once is kept; another name is a difference, and shown as one.
    let kept = scene.grant(&["--exit-code", "--output=jsonpath={.operatorNamespace}"]);
    assert_eq!(kept.ok().trim_end(), namespace);
    let moved = ["--operator-namespace", "elsewhere", "--dry-run=server"];
    scene.keep("operator-moved", &scene.grant(&moved));
}
