//! Which pod carries the connection.

use datalab_lab::tenant::{Output, Release, Stage};
use nix::sys::signal::Signal;
use serde_json::json;

use super::listening::Listening;
use super::own_pod::{BASH, PYTHON, SHELL, carrying, pod, remove, start, until_idle};
use super::relay::until_no_relay;
use super::{ORDERS, SUMMED, Scene};
use crate::transcript::Transcript;

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
    until_no_relay(&scene);

    // One runs: it carries, by python3; nothing is made.
    let _notebook = scene.x.pod("notebook");
    let carried = scene.connect(&["--", "psql", "-Atc", ORDERS]);
    assert_carried_by(&scene, "notebook", carried);
}

#[track_caller]
fn assert_carried_by(scene: &Scene, pod: &str, carried: Output) {
    let said = format!("connected through pod {pod} of {}", scene.x.namespace());
    assert!(carried.stderr().contains(&said), "{carried}");
    assert!(!carried.stderr().contains("relay"), "{carried}");
    assert_eq!(carried.ok(), SUMMED);
}

#[test]
fn the_pod_that_carries_is_one_that_can() {
    let Some(stage) = Stage::required("the pod that carries is one that can") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));
    let transcript = Transcript::of(&scene.play, "share_db");
    let asked = ["--", "psql", "-XAtqc", ORDERS];
    let through = |name: &str| scene.connect(&[&["--pod", name], &asked[..]].concat());

    // Of two containers, the one that kubectl would take, and that has bash only.
    let mut bash = pod(&scene, "bash-only", &[("sidecar", &[]), ("main", BASH)]);
    bash["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/default-container": "main"});
    start(&scene, &bash);
    assert_carried_by(&scene, "bash-only", scene.connect(&asked));
    until_idle(&scene, "bash-only");

    // What cannot carry is passed over, also if it is newer; what is on its way out, or of a Job,
    // is not asked at all.
    start(&scene, &pod(&scene, "shell-only", &[("main", SHELL)]));
    start(&scene, &pod(&scene, "nothing", &[("main", &[])]));
    let mut leaving = pod(&scene, "leaving", &[("main", PYTHON)]);
    leaving["spec"]["terminationGracePeriodSeconds"] = json!(600);
    start(&scene, &leaving);
    let leave = ["delete", "pod", "leaving", "--wait=false"];
    scene.x.kubectl(leave).ok();
    let mut of_job = pod(&scene, "", &[("main", PYTHON)])["spec"].clone();
    of_job["restartPolicy"] = json!("Never");
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "training"},
        "spec": {"template": {"spec": of_job}},
    });
    start(&scene, &job);
    assert_carried_by(&scene, "bash-only", scene.connect(&asked));

    // Asked by name, a Job's pod is as good as any; the others say what they lack.
    let of_job = "--selector=batch.kubernetes.io/job-name=training";
    let name = [
        "get",
        "pods",
        of_job,
        "--output=jsonpath={.items[0].metadata.name}",
    ];
    let name = scene.x.kubectl(name).ok();
    assert_carried_by(&scene, &name, through(&name));
    for name in ["shell-only", "nothing", "leaving", "absent"] {
        let refused = through(name);
        assert_eq!(refused.code(), Some(125), "{refused}");
        transcript.keep(&format!("laptop-pod-{name}"), &refused);
    }

    // Without the one that can, none can, and a relay does.
    remove(&scene, &["bash-only"]);
    let refused = scene.connect(&[&["--via", "pod"], &asked[..]].concat());
    assert_eq!(refused.code(), Some(125), "{refused}");
    transcript.keep("laptop-pod-none", &refused);
    let relayed = scene.connect(&asked);
    for said in ["starting relay pod", "pod shell-only: ", "pod nothing: "] {
        assert!(relayed.stderr().contains(said), "no {said:?} in {relayed}");
    }
    assert_eq!(relayed.ok(), SUMMED);
    until_no_relay(&scene);
    remove(&scene, &["leaving"]);
}

#[test]
fn nothing_of_connect_stays_in_the_pod_that_carried_it() {
    let Some(stage) = Stage::required("nothing stays in the pod that carried") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));
    for (name, programs) in [("with-bash", BASH), ("with-python", PYTHON)] {
        start(&scene, &pod(&scene, name, &[("main", programs)]));
        for signal in [Signal::SIGINT, Signal::SIGKILL] {
            let connect = Listening::start(&scene, &["--pod", name]);
            let mut client = connect.client("stays");
            assert_eq!(client.ask("SELECT 1"), "1");
            assert!(carrying(&scene, name).succeeded(), "where does it run?");
            let (code, said) = connect.end(signal);
            let expected = (signal == Signal::SIGINT).then_some(130);
            assert_eq!(code, expected, "{said}");
            until_idle(&scene, name);
        }
    }
}

#[test]
fn what_the_colleague_may_not_do_is_gone_around_or_said() {
    let Some(stage) = Stage::required("what the colleague may not do") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));
    let transcript = Transcript::of(&scene.play, "share_db");
    let _notebook = scene.x.pod("notebook");
    let admin = |line: &[&str]| {
        let namespace = ["--namespace", scene.x.namespace()];
        stage.kubectl([line, &namespace].concat()).run().ok();
    };
    let look = "--resource=pods,pods/log";
    let user = format!("--user={}", scene.x.user());
    let bind = ["create", "rolebinding", "few", "--role=few", &user];
    admin(&["create", "role", "few", "--verb=get,list", look]);
    admin(&bind);
    admin(&["delete", "rolebinding", "full_control_namespace"]);
    let keep = |name: &str| {
        let refused = scene.connect(&["--", "true"]);
        assert_eq!(refused.code(), Some(125), "{refused}");
        until_no_relay_as(&stage, &scene);
        transcript.keep(name, &refused);
    };
    // Pods can be looked at: neither a program in them nor a relay.
    keep("laptop-forbidden-all");

    // Jobs can be made: but not reached.
    let jobs = [
        [
            "create",
            "role",
            "jobs",
            "--verb=create,list,delete",
            "--resource=jobs,pods",
        ],
        ["create", "rolebinding", "jobs", "--role=jobs", &user],
    ];
    jobs.iter().for_each(|line| admin(line));
    keep("laptop-forbidden-portforward");

    // That is enough, without exec.
    let forward = "--resource=pods/portforward";
    // Servers before 1.35 ask for the one, later ones for both.
    admin(&["create", "role", "forward", "--verb=get,create", forward]);
    admin(&["create", "rolebinding", "forward", "--role=forward", &user]);
    let relayed = scene.connect(&["--", "psql", "-XAtqc", ORDERS]);
    assert!(relayed.stderr().contains("pods/exec"), "{relayed}");
    assert_eq!(relayed.ok(), SUMMED);
    until_no_relay_as(&stage, &scene);
}

/// As the administrator of the cluster, who sees all.
#[track_caller]
fn until_no_relay_as(stage: &Stage, scene: &Scene) {
    super::listening::until("nothing of a relay is left", || {
        let get = [
            "get",
            "jobs,pods",
            "--selector=datalab/purpose=share-db-relay",
            "--output=name",
            "--namespace",
            scene.x.namespace(),
        ];
        stage.kubectl(get).run().ok().is_empty()
    });
}
