//! Labs come and go, are killed at bad moments, run side by side, and leave nothing behind.
//!
//! Needs root, and the path of xtask in `DATALAB_XTASK`, as `cargo xtask test` sets it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where it fails"
)]

mod stand;
mod traces;

use std::time::Duration;

use stand::{Stand, eventually};

/// How long a lab's first process may outlive the reason to end.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn two_cycles_leave_nothing_behind() {
    let Some(stand) = Stand::required("two_cycles_leave_nothing_behind") else {
        return;
    };
    for has_keycloak in [false, true] {
        let said = stand.succeeds(&["up", "--name", "cycle"]);
        assert!(said.contains("lab cycle is up after"), "{said}");
        let said = stand.succeeds(&["up", "--name", "cycle"]);
        assert!(
            said.contains("was up already"),
            "a second up started again: {said}"
        );
        let status = stand.succeeds(&["status", "--name", "cycle"]);
        assert!(
            status.contains("kube-apiserver") && status.contains("node: ready"),
            "{status}"
        );
        let lab = stand.lab("cycle");
        assert_eq!(lab.kubectl(&["get", "nodes", "-o=name"]).trim(), "node/lab");
        lab.assert_seen();
        if has_keycloak {
            // What comes on demand ends with the lab too, and is not started twice.
            let said = stand.succeeds(&["keycloak", "--name", "cycle"]);
            assert!(said.contains("start Keycloak"), "{said}");
            let said = stand.succeeds(&["keycloak", "--name", "cycle"]);
            assert!(!said.contains("start Keycloak"), "{said}");
        }

        stand.succeeds(&["down", "--name", "cycle"]);
        lab.assert_gone();
        stand.fails(&["status", "--name", "cycle"]);
        let said = stand.succeeds(&["down", "--name", "cycle"]);
        assert!(said.contains("was not up"), "{said}");
    }
    stand.assert_clean();
}

#[test]
fn an_up_killed_at_any_step_is_repaired() {
    let Some(stand) = Stand::required("an_up_killed_at_any_step_is_repaired") else {
        return;
    };
    // Before anything runs; with the control plane half up; with everything but the last pod.
    for step in ["configure", "kube-apiserver", "kubelet"] {
        let mut up = stand.start(&["up", "--name", "half"]);
        up.wait_for_step(step);
        let lab = stand.lab("half");
        up.kill();
        eventually(AT_ONCE, "the half lab ends with its up", || !lab.runs());
        stand.fails(&["status", "--name", "half"]);
        stand.succeeds(&["down", "--name", "half"]);
        lab.assert_gone();
    }
    let mut up = stand.start(&["up", "--name", "half"]);
    up.wait_for_step("kube-apiserver");
    let half = stand.lab("half");
    up.kill();
    let said = stand.succeeds(&["up", "--name", "half"]);
    assert!(said.contains("remove what was left"), "{said}");
    stand.succeeds(&["status", "--name", "half"]);
    stand.succeeds(&["down", "--name", "half"]);
    half.assert_gone();
    stand.assert_clean();
}

#[test]
fn a_lab_killed_after_up_is_repaired() {
    let Some(stand) = Stand::required("a_lab_killed_after_up_is_repaired") else {
        return;
    };
    stand.succeeds(&["up", "--name", "dead"]);
    let first = stand.lab("dead");
    first.kill_init();
    eventually(AT_ONCE, "every process ends with the first", || {
        !first.runs()
    });
    let said = stand.fails(&["status", "--name", "dead"]);
    assert!(said.contains("cargo xtask lab up --name dead"), "{said}");

    // The next up repairs it; this time the process around the first one is killed.
    stand.succeeds(&["up", "--name", "dead"]);
    let second = stand.lab("dead");
    second.kill_outer();
    eventually(AT_ONCE, "the lab ends with the process around it", || {
        !second.runs()
    });
    stand.succeeds(&["down", "--name", "dead"]);
    first.assert_gone();
    second.assert_gone();
    stand.assert_clean();
}

#[test]
fn a_part_that_ends_is_seen_and_repaired() {
    let Some(stand) = Stand::required("a_part_that_ends_is_seen_and_repaired") else {
        return;
    };
    stand.succeeds(&["up", "--name", "part"]);
    let lab = stand.lab("part");
    lab.kill_part("kube-scheduler");
    eventually(AT_ONCE, "status shows that the scheduler ended", || {
        stand
            .run(&["status", "--name", "part"])
            .contains("ended: signal: 9")
    });
    stand.fails(&["status", "--name", "part"]);
    let said = stand.succeeds(&["up", "--name", "part"]);
    assert!(said.contains("kube-scheduler ended"), "{said}");

    // Only the policy engine is started again, and that is seen too.
    let lab = stand.lab("part");
    lab.kill_part("policy-engine");
    eventually(AT_ONCE, "the policy engine runs again", || {
        let said = stand.run(&["status", "--name", "part"]);
        said.contains("running (restarted 1 times)")
    });
    stand.succeeds(&["down", "--name", "part"]);
    lab.assert_gone();
    stand.assert_clean();
}

#[test]
fn a_down_killed_half_way_is_repaired() {
    let Some(stand) = Stand::required("a_down_killed_half_way_is_repaired") else {
        return;
    };
    for next in ["down", "up"] {
        stand.succeeds(&["up", "--name", "ending"]);
        let lab = stand.lab("ending");
        // A stranger in the lab's cgroup holds down up, after the processes and before the files.
        let stranger = lab.occupy_cgroup();
        let mut down = stand.start(&["down", "--name", "ending"]);
        eventually(AT_ONCE, "down ends the processes first", || !lab.runs());
        down.kill();
        drop(stranger);
        assert!(
            lab.has_files(),
            "down was done before it could be killed: nothing was tested"
        );
        stand.succeeds(&[next, "--name", "ending"]);
        if next == "up" {
            stand.succeeds(&["status", "--name", "ending"]);
            stand.succeeds(&["down", "--name", "ending"]);
        }
        lab.assert_gone();
    }
    stand.assert_clean();
}

#[test]
fn two_labs_run_side_by_side() {
    let Some(stand) = Stand::required("two_labs_run_side_by_side") else {
        return;
    };
    let mut ups = ["left", "right"].map(|name| stand.start(&["up", "--name", name]));
    for up in &mut ups {
        up.wait_for_success();
    }
    let [left, right] = ["left", "right"].map(|name| stand.lab(name));
    left.kubectl(&["create", "namespace", "only-left"]);
    assert!(left.kubectl(&["get", "namespaces"]).contains("only-left"));
    assert!(!right.kubectl(&["get", "namespaces"]).contains("only-left"));

    stand.succeeds(&["down", "--name", "left"]);
    left.assert_gone();
    stand.succeeds(&["status", "--name", "right"]);
    stand.succeeds(&["down", "--name", "right"]);
    right.assert_gone();
    stand.assert_clean();
}

#[test]
fn a_second_up_of_the_same_lab_waits_for_the_first() {
    let Some(stand) = Stand::required("a_second_up_of_the_same_lab_waits_for_the_first") else {
        return;
    };
    let mut first = stand.start(&["up", "--name", "same"]);
    first.wait_for_step("configure");
    let said = stand.succeeds(&["up", "--name", "same"]);
    assert!(
        said.contains("waiting: lab same") && said.contains("was up already"),
        "{said}"
    );
    first.wait_for_success();
    let lab = stand.lab("same");
    stand.succeeds(&["down", "--name", "same"]);
    lab.assert_gone();
    stand.assert_clean();
}

#[test]
fn a_part_that_does_not_start_is_named_with_its_log() {
    let Some(stand) = Stand::required("a_part_that_does_not_start_is_named_with_its_log") else {
        return;
    };
    let broken = stand.program("echo the store is on fire; exit 7");
    let said = stand.fails_with("TEST_ASSET_ETCD", &broken, &["up", "--name", "broken"]);
    assert!(
        said.contains("error: etcd: etcd ended: exit status: 7"),
        "{said}"
    );
    assert!(
        said.contains("the store is on fire") && said.contains("log/etcd.log"),
        "{said}"
    );
    let lab = stand.lab("broken");
    eventually(AT_ONCE, "what was started is ended", || !lab.runs());
    stand.succeeds(&["down", "--name", "broken"]);
    lab.assert_gone();
    stand.assert_clean();
}

#[test]
fn a_real_policy_engine_takes_the_place_of_the_labs() {
    let Some(stand) = Stand::required("a_real_policy_engine_takes_the_place_of_the_labs") else {
        return;
    };
    let engine = stand.program("echo \"on $NODE_NAME: $*\"; exec sleep 1000");
    let up = ["up", "--name", "engine"];
    stand.succeeds_with("TEST_ASSET_NETWORK_POLICY_ENGINE", &engine, &up);
    let lab = stand.lab("engine");
    eventually(AT_ONCE, "the engine is told what it needs to know", || {
        let log = lab.log("network-policy-engine");
        log.contains("on lab: --run-firewall=true") && log.contains("--kubeconfig=/")
    });
    stand.succeeds(&["down", "--name", "engine"]);
    lab.assert_gone();
    stand.assert_clean();
}
