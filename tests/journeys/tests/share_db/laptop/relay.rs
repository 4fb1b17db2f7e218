use std::io::{BufRead, BufReader, Write};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::tenant::{Release, Stage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{ORDERS, SUMMED, Scene};

/// A relay that is deleted, or no longer heard, is gone within this time, on a busy machine too.
const GONE: Duration = Duration::from_secs(120);

/// The port on which the relay takes sessions, in its own pod.
const RELAY_PORT: &str = "15432";

/// Waits until nothing of a relay is left.
#[track_caller]
pub(super) fn until_no_relay(scene: &Scene) {
    let started = Instant::now();
    loop {
        let left = scene.relays();
        if left.is_empty() {
            return;
        }
        assert!(started.elapsed() < GONE, "left of the relay:\n{left}");
        thread::sleep(Duration::from_millis(500));
    }
}

/// A connect whose command has asked once, and stays until its input ends.
pub(super) struct Held {
    child: Child,
}

impl Held {
    #[track_caller]
    pub(super) fn start(scene: &Scene, words: &[&str]) -> Self {
        let script = format!("psql -Atc '{ORDERS}' && cat && psql -Atc '{ORDERS}'");
        let words = [words, &["--", "sh", "-c", &script]].concat();
        let mut child = scene.connecting(&words).spawn();
        let mut out = BufReader::new(child.stdout.as_mut().expect("because stdout is piped"));
        let mut line = String::new();
        out.read_line(&mut line)
            .expect("because the command's output can be read");
        if line != SUMMED {
            let output = child.wait_with_output();
            assert_eq!(line, SUMMED, "{output:?}");
            unreachable!();
        }
        Self { child }
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("because pids are small");
        kill(Pid::from_raw(pid), signal).expect("because the child is ours");
    }

    /// Lets the command end: its code, and what it printed since.
    pub(super) fn end(mut self) -> (Option<i32>, String) {
        let mut stdin = self.child.stdin.take().expect("because stdin is piped");
        let _ = stdin.flush();
        drop(stdin);
        let output = self
            .child
            .wait_with_output()
            .expect("because the child is ours to wait for");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }
}

#[test]
fn the_relay_serves_its_connect_and_nobody_else() {
    let Some(stage) = Stage::required("the relay serves its connect and nobody else") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));
    let y = scene.play.tenant("y");
    let stranger = y.pod("notebook");
    let colleague = scene.x.pod("notebook");
    // The strictest of the platform's own rules for pods, and a quota on what pods may ask for.
    let strict = format!("namespace/{}", scene.x.namespace());
    stage
        .kubectl([
            "label",
            &strict,
            "pod-security.kubernetes.io/enforce=restricted",
        ])
        .run()
        .ok();
    let hard = "--hard=requests.cpu=1,limits.cpu=2,requests.memory=1Gi,limits.memory=1Gi";
    let quota = ["create", "quota", "small", hard, "-n", scene.x.namespace()];
    stage.kubectl(quota).run().ok();

    let held = Held::start(&scene, &["--via", "relay"]);
    let relay = scene.x.kubectl([
        "get",
        "pods",
        "--selector=datalab/purpose=share-db-relay",
        "--output=jsonpath={.items[*].status.podIP} {.items[*].metadata.name}",
    ]);
    let relay = relay.ok();
    let (address, name) = relay.split_once(' ').expect("because one relay runs");
    let reaches = |pod: &datalab_lab::tenant::Pod, address: &str| {
        let nc = ["nc", "-z", "-w", "3", address, RELAY_PORT];
        pod.exec(nc).succeeded()
    };
    assert!(!reaches(&stranger, address), "user-y reaches the relay");
    assert!(
        !reaches(&colleague, address),
        "another pod reaches the relay"
    );
    // The same port of a pod that listens for all is reached: what refuses is the relay.
    let listener = "socat TCP-LISTEN:15432,fork,reuseaddr PIPE >/dev/null 2>&1 &";
    colleague.exec(["sh", "-c", listener]).ok();
    let started = Instant::now();
    while !reaches(&stranger, colleague.address()) {
        assert!(started.elapsed() < Duration::from_secs(30), "a dead canary");
    }
    let user = scene.x.kubectl(["exec", name, "--", "id", "-u"]).ok();
    assert_eq!(user, "65532\n");
    let token = scene
        .x
        .kubectl(["exec", name, "--", "ls", "/var/run/secrets/kubernetes.io"]);
    assert!(!token.succeeded(), "{token}");

    assert_eq!(held.end(), (Some(0), SUMMED.to_owned()));
    until_no_relay(&scene);
}

#[test]
fn nothing_of_the_relay_is_left_however_connect_ends() {
    let Some(stage) = Stage::required("nothing of the relay is left") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));

    // What somebody else's cluster did not clean up goes with the next connect.
    let left = r#"{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"share-db-relay-old","labels":{"app.kubernetes.io/managed-by":"kubectl-datalab","datalab/purpose":"share-db-relay"}},"spec":{"backoffLimit":0,"activeDeadlineSeconds":1,"template":{"spec":{"restartPolicy":"Never","terminationGracePeriodSeconds":0,"containers":[{"name":"relay","image":"IMAGE","command":["sleep","600"]}]}}}}"#;
    let create = scene.x.program(["kubectl", "create", "-f", "-"]);
    create.input(left.replace("IMAGE", &scene.image)).run().ok();
    let ended = ["wait", "--for=condition=Failed", "--timeout=60s"];
    scene
        .x
        .kubectl([&ended, &["job/share-db-relay-old"][..]].concat())
        .ok();
    let held = Held::start(&scene, &["--via", "relay"]);
    assert!(!scene.relays().contains("relay-old"), "{}", scene.relays());

    // A signal is the command's; what comes after is cleaned up.
    held.signal(Signal::SIGTERM);
    assert_eq!(held.end().0, Some(128 + Signal::SIGTERM as i32));
    until_no_relay(&scene);

    // Killed: nobody cleans up but the relay itself.
    let held = Held::start(&scene, &["--via", "relay"]);
    assert!(scene.relays().contains("pod/"), "{}", scene.relays());
    held.signal(Signal::SIGKILL);
    until_no_relay(&scene);
    assert_eq!(held.end().0, None);

    // Interrupted before the relay runs.
    let mut early = scene.connecting(&["--via", "relay", "--", "true"]).spawn();
    let mut talk = BufReader::new(early.stderr.take().expect("because stderr is piped"));
    let mut line = String::new();
    talk.read_line(&mut line)
        .expect("because the tool's talk can be read");
    assert!(line.contains("starting relay pod"), "{line}");
    let pid = i32::try_from(early.id()).expect("because pids are small");
    kill(Pid::from_raw(pid), Signal::SIGINT).expect("because the child is ours");
    let code = early.wait().expect("because the child is ours").code();
    assert_eq!(code, Some(130));
    until_no_relay(&scene);
}

#[test]
fn a_new_relay_takes_the_place_of_one_that_ended() {
    let Some(stage) = Stage::required("a new relay takes the place of one that ended") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));
    let held = Held::start(&scene, &["--via", "relay"]);
    let first = scene.relays();
    let all = [
        "delete",
        "jobs",
        "--selector=datalab/purpose=share-db-relay",
        "--cascade=foreground",
        "--timeout=60s",
    ];
    scene.x.kubectl(all).ok();
    // The second question of the held command, after the relay is gone.
    assert_eq!(held.end(), (Some(0), SUMMED.to_owned()), "{first}");
    until_no_relay(&scene);
}
