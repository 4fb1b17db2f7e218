//! Two namespaces and five pods, in which every case is played.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::LAB_VARIABLE;
use datalab_lab::tenant::{Play, Stage, Tenant};

use super::peer::{Flow, Host, PROGRAM, Peer};

/// Real engines take up to 3 s; a busy machine makes it more.
const ENFORCEMENT: Duration = Duration::from_secs(30);

/// The namespaces `red`, where the policies are, and `blue`, with their pods.
pub(crate) struct Arena {
    pub(crate) red: Red,
    pub(crate) blue: Blue,
    /// The API server: a host of the node's network, behind a Service.
    pub(crate) api_server: Host,
    /// Whether the engine is the lab's own, which decides what the documentation leaves open.
    pub(crate) in_lab: bool,
    owner: Tenant,
    /// The server's readiness as it was at first.
    ready: String,
}

pub(crate) struct Red {
    /// Its container calls port 8080 `web`; its readiness is probed on it every second.
    pub(crate) server: Peer,
    /// The Service in front of the server: port 80 leads to `web`.
    pub(crate) service: Host,
    pub(crate) client: Peer,
    pub(crate) other: Peer,
}

pub(crate) struct Blue {
    /// The value of the namespace's label `team`.
    pub(crate) team: String,
    pub(crate) client: Peer,
    pub(crate) other: Peer,
}

/// Policies of the namespace `red`, as the fields of their `spec`, and what they do. `$BLUE` stands
/// for the other namespace's label, `$BLUE_CLIENT` for the address of its client.
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) policies: &'a [&'a str],
    /// What passes without the policies and not with them; the first is the canary.
    pub(crate) denied: &'a [Flow<'a>],
    pub(crate) allowed: &'a [Flow<'a>],
}

impl Arena {
    pub(crate) fn open(stage: &Stage) -> Self {
        let play = stage.play();
        let (red, blue) = thread::scope(|scope| {
            let blue = scope.spawn(|| populate(stage, &play, "blue", ["client", "other"]));
            let red = populate(stage, &play, "red", ["server", "client", "other"]);
            (
                red,
                blue.join().expect("because its own panic was told already"),
            )
        });
        let (owner, [server, client, other]) = red;
        let service = Host {
            name: format!("{}/server (Service)", owner.namespace()),
            address: get(&owner, "service/server", "{.spec.clusterIP}"),
        };
        let red = Red {
            server,
            service,
            client,
            other,
        };
        let (_, [client, other]) = blue;
        let blue = Blue {
            team: play.name("blue"),
            client,
            other,
        };
        let address = ["get", "service/kubernetes", "--namespace=default"];
        let address = [&address[..], &["--output=jsonpath={.spec.clusterIP}"]].concat();
        let api_server = Host {
            name: "the API server".to_owned(),
            address: stage.kubectl(address).run().ok(),
        };
        let own_cluster = env::var("USE_EXISTING_CLUSTER").is_ok_and(|value| value == "true");
        let ready = readiness(&owner);
        Self {
            red,
            blue,
            api_server,
            in_lab: env::var_os(LAB_VARIABLE).is_some() && !own_cluster,
            owner,
            ready,
        }
    }

    /// Plays a case to its end.
    pub(crate) fn show(&self, case: &Case<'_>) {
        self.impose(case);
        self.lift(case);
    }

    /// Puts the policies of a case in force and checks what it says.
    pub(crate) fn impose(&self, case: &Case<'_>) {
        let name = case.name;
        for flow in case.denied.iter().chain(case.allowed) {
            until(true, flow, &format!("{name}: without policies"));
        }
        let objects = case.policies.iter().zip(1..).map(|(spec, number)| {
            let spec = spec.replace("$BLUE_CLIENT", &self.blue.client.address);
            let spec = spec.replace("$BLUE", &self.blue.team);
            format!(
                "apiVersion: networking.k8s.io/v1\n\
                 kind: NetworkPolicy\n\
                 metadata: {{name: policy-{number}}}\n\
                 spec: {{{spec}}}\n"
            )
        });
        apply(&self.owner, &objects.collect::<Vec<_>>().join("---\n"));
        let (canary, denied) = case.denied.split_first().expect("because each case denies");
        until(false, canary, &format!("{name}: the canary"));
        for flow in case.allowed {
            until(true, flow, name);
        }
        for flow in denied {
            let outcome = flow.ask();
            let refused = match outcome.as_str() {
                "refused" | "unresolved" => true,
                // Other engines drop without a word; the lab's answers, so that tests are fast.
                "silent" => !self.in_lab,
                _ => false,
            };
            assert!(refused, "{name}: {flow} should be refused, but: {outcome}");
        }
    }

    /// Deletes the policies of a case, and sees that what they denied passes again.
    pub(crate) fn lift(&self, case: &Case<'_>) {
        let owner = &self.owner;
        let line = ["delete", "networkpolicies", "--all", "--namespace"];
        owner
            .kubectl([&line[..], &[owner.namespace()]].concat())
            .ok();
        for flow in case.denied {
            until(true, flow, &format!("{}: after its deletion", case.name));
        }
    }

    /// The kubelet's probes of the server have passed at all times.
    pub(crate) fn assert_probed(&self) {
        assert_eq!(readiness(&self.owner), self.ready);
    }
}

/// Waits until a flow passes, or does not.
pub(crate) fn until(passes: bool, flow: &Flow<'_>, when: &str) {
    let started = Instant::now();
    loop {
        let outcome = flow.ask();
        if (outcome == "answered") == passes {
            return;
        }
        assert!(
            started.elapsed() < ENFORCEMENT,
            "{when}: {flow} is still {outcome} after {ENFORCEMENT:?}"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// A namespace of the play with one pod a role.
fn populate<const PODS: usize>(
    stage: &Stage,
    play: &Play,
    team: &str,
    roles: [&str; PODS],
) -> (Tenant, [Peer; PODS]) {
    let owner = play.tenant(team);
    let namespace = owner.namespace();
    let label = format!("team={}", play.name(team));
    stage
        .kubectl(["label", "namespace", namespace, &label])
        .run()
        .ok();
    let account = [
        "wait",
        "--for=create",
        "--timeout=30s",
        "serviceaccount/default",
    ];
    let account = [&account[..], &["--namespace", namespace]].concat();
    owner.kubectl(account).ok();
    let objects = roles.map(|role| pod(stage.image(), role));
    apply(&owner, &objects.join("---\n"));
    let ready = [
        "wait",
        "--for=condition=Ready",
        "--timeout=120s",
        "pod",
        "--all",
    ];
    let ready = [&ready[..], &["--namespace", namespace]].concat();
    owner.kubectl(ready).ok();
    let peers = roles.map(|role| {
        let address = get(&owner, &format!("pod/{role}"), "{.status.podIP}");
        Peer::in_pod(&owner, role, address)
    });
    (owner, peers)
}

fn pod(image: &str, role: &str) -> String {
    let program = PROGRAM.replace('\n', "\n        ");
    let pod = format!(
        r#"
apiVersion: v1
kind: Pod
metadata:
  name: {role}
  labels: {{role: {role}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: peer
    image: {image}
    imagePullPolicy: IfNotPresent
    command:
      - perl
      - -e
      - |
        {program}
      - serve
    args: ["8080", "8081", "9000", "9001", "9002", "9003"]
    ports: [{{name: web, containerPort: 8080}}]
    readinessProbe: {{tcpSocket: {{port: web}}, periodSeconds: 1, failureThreshold: 1}}
"#
    );
    let service = r"---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {role: server}, ports: [{port: 80, targetPort: web}]}
";
    if role == "server" { pod + service } else { pod }
}

fn apply(owner: &Tenant, objects: &str) {
    let line = [
        "kubectl",
        "apply",
        "--namespace",
        owner.namespace(),
        "-f",
        "-",
    ];
    owner.program(line).input(objects).run().ok();
}

fn get(owner: &Tenant, object: &str, path: &str) -> String {
    let output = format!("--output=jsonpath={path}");
    let line = ["get", object, "--namespace", owner.namespace(), &output];
    owner.kubectl(line).ok()
}

fn readiness(owner: &Tenant) -> String {
    let path =
        "{.status.conditions[?(@.type=='Ready')]}{.status.containerStatuses[0].restartCount}";
    get(owner, "pod/server", path)
}
