//! The pods of a database that CloudNativePG runs: which is the primary, how many there are, and what
//! happens when the primary goes.

use std::thread;
use std::time::{Duration, Instant};

use super::operator::{self, Turn};
use super::{ASK_EVERY, Cluster};

/// How often a replica that joins is helped by a checkpoint: without one it waits for the next that is
/// due, up to five minutes.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(1500);

/// A new primary serves 3 s after the old one said goodbye, and 20 s after one that was lost without a
/// word, whose lease of 15 s has to end first. Sessions that stay open put the goodbye off.
const FAILOVER_WITHIN: Duration = Duration::from_secs(120);

/// What the operator says of a database that fares well.
const HEALTHY: &str = "Cluster in healthy state";

impl Cluster {
    /// The name of the primary's pod: by its label, as no name says it.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn primary(&self) -> String {
        let primary = self.find_primary();
        assert!(
            primary.is_some(),
            "{} has no primary: {}",
            self.fullname,
            self.phase()
        );
        primary.unwrap_or_default()
    }

    /// The names of the replicas' pods.
    #[must_use]
    #[track_caller]
    pub fn replicas(&self) -> Vec<String> {
        self.pods(",cnpg.io/instanceRole=replica")
    }

    /// The IP addresses of all its instances' pods.
    #[must_use]
    #[track_caller]
    pub fn addresses(&self) -> Vec<String> {
        self.each_pod("", "{.items[*].status.podIP}")
    }

    /// Waits until so many instances serve, the primary among them.
    #[track_caller]
    pub fn instances(&self, count: usize) {
        let _turn = Turn::share(self.stage());
        self.volumes.renew(self.stage());
        let cluster = format!("cluster/{}", self.fullname);
        let patch = format!("{{\"spec\":{{\"instances\":{count}}}}}");
        let line = [
            "patch",
            "--namespace",
            &self.namespace,
            &cluster,
            "--type=merge",
            "--patch",
            &patch,
        ];
        self.stage().kubectl(line).run().ok();
        let mut helped = Instant::now();
        self.until(&format!("{count} instances"), || {
            if self.is_healthy() && self.pods("").len() == count {
                return true;
            }
            if helped.elapsed() > CHECKPOINT_EVERY {
                if let Some(primary) = self.find_primary() {
                    // It may be going just now; the next round helps as well.
                    let _ = self.server(&primary).try_sql("postgres", &[], "CHECKPOINT");
                }
                helped = Instant::now();
            }
            false
        });
    }

    /// Deletes the primary's pod and waits until another one serves as primary; says how long that took.
    ///
    /// By `force` all its processes end at once, as when its node is lost. Otherwise it waits for its
    /// sessions to end first, for minutes if need be, and so does everybody else.
    #[track_caller]
    pub fn fail_over(&self, force: bool) -> Duration {
        let _turn = Turn::share(self.stage());
        let old = self.primary();
        let pod = format!("pod/{old}");
        let mut line = vec![
            "delete",
            "--namespace",
            &self.namespace,
            &pod,
            "--wait=false",
        ];
        if force {
            line.extend(["--force", "--grace-period=0"]);
        }
        let containers = "--output=jsonpath={.status.containerStatuses[*].containerID}";
        let containers = self.get(&pod, containers);
        let started = Instant::now();
        self.stage().kubectl(line).run().ok();
        if force {
            // The kubelet would let it say goodbye to its sessions.
            let containers = containers.split_whitespace();
            containers.for_each(|id| operator::kill_container(self.stage(), id));
        }
        loop {
            let primary = self.find_primary().filter(|primary| *primary != old);
            let serves = primary.is_some_and(|primary| {
                let recovers =
                    self.server(&primary)
                        .try_sql("postgres", &[], "SELECT pg_is_in_recovery()");
                recovers.stdout() == "f\n"
            });
            let took = started.elapsed();
            if serves && self.leads_to_other_than(&old) {
                return took;
            }
            assert!(
                took < FAILOVER_WITHIN,
                "{}: no other primary than {old} after {took:?}: {}",
                self.fullname,
                self.phase()
            );
            thread::sleep(ASK_EVERY);
        }
    }

    /// What the operator says of it.
    #[must_use]
    #[track_caller]
    pub fn phase(&self) -> String {
        let cluster = format!("cluster/{}", self.fullname);
        self.get(
            &cluster,
            "--output=jsonpath={.status.phase} {.status.phaseReason}",
        )
        .trim_end()
        .to_owned()
    }

    /// Whether the operator says that it fares well and all of its instances serve.
    #[must_use]
    #[track_caller]
    pub fn is_healthy(&self) -> bool {
        let cluster = format!("cluster/{}", self.fullname);
        let path = "--output=jsonpath={.status.phase}|{.spec.instances}|{.status.readyInstances}|{.status.conditions[?(@.type==\"Ready\")].status}";
        let said = self.get(&cluster, path);
        let words: Vec<&str> = said.split('|').collect();
        let [phase, wanted, ready, condition] = words[..] else {
            return false;
        };
        phase == HEALTHY && wanted == ready && condition == "True"
    }

    /// Waits until the operator says that it fares well.
    ///
    /// # Panics
    /// When it does not, with what it says.
    #[track_caller]
    pub fn until_healthy(&self) {
        self.until("the operator's word that it is healthy", || {
            self.is_healthy() && self.find_primary().is_some()
        });
    }

    /// The names of its pods with more labels, those of its jobs left out.
    #[track_caller]
    pub(super) fn pods(&self, labels: &str) -> Vec<String> {
        self.each_pod(labels, "{.items[*].metadata.name}")
    }

    #[track_caller]
    fn each_pod(&self, labels: &str, path: &str) -> Vec<String> {
        let selector = format!(
            "--selector=cnpg.io/cluster={},cnpg.io/podRole=instance{labels}",
            self.fullname
        );
        let path = format!("--output=jsonpath={path}");
        let get = ["get", "pods", "--namespace", &self.namespace];
        let line = [get.as_slice(), &[&selector, &path]].concat();
        let words = self.stage().kubectl(line).run().ok();
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[track_caller]
    fn find_primary(&self) -> Option<String> {
        self.pods(",cnpg.io/instanceRole=primary").pop()
    }

    /// Whether the Service has an endpoint, and not the pod named.
    #[track_caller]
    fn leads_to_other_than(&self, pod: &str) -> bool {
        let selector = format!("--selector=kubernetes.io/service-name={}-rw", self.fullname);
        let path =
            "--output=jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].targetRef.name}";
        let get = [
            "get",
            "endpointslices",
            "--namespace",
            &self.namespace,
            &selector,
            path,
        ];
        let pods = self.stage().kubectl(get).run().ok();
        let mut pods = pods.split_whitespace();
        pods.next().is_some_and(|first| first != pod) && pods.all(|other| other != pod)
    }
}
