use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use data_encoding::HEXLOWER;
use datalab_core::{
    kubeconfig::{is_in_a_pod, pod_namespace},
    report::{Failure, Kind},
};
use tokio::{sync::Mutex, time::sleep};

use super::{
    ConnectRequest,
    endpoint::Endpoint,
    login::SharedLogin,
    proof::{PAUSE, Unproven, not_let_in, prove},
};
use crate::{
    desk::Desk,
    relay::{self, Carrier, DEFAULT_IMAGE, Stream, own_pods},
};

/// How many of one's own pods are tried: the third that has no shell is no bad luck any more.
const PODS_TRIED: usize = 3;

/// How long a new connection is tried again before its client is told: a failover takes seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long after a search in vain the next one may begin: clients with a pool ask all the time.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// Random bytes in the name of a relay.
const SUFFIX_BYTES: usize = 4;

/// Which way to take to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Via {
    /// The cluster's network
    Direct,
    /// A running pod of one's own
    Pod,
    /// A relay pod
    Relay,
}

/// The way to the database that is in use, and how another is found when it ends.
pub(super) struct Route<'a> {
    desk: &'a Desk<'a>,
    request: &'a ConnectRequest,
    login: &'a SharedLogin,
    endpoint: &'a Endpoint,
    carrier: RefCell<Option<Rc<Carrier>>>,
    choosing: Mutex<()>,
    /// Jobs to take away at the end.
    made: RefCell<Vec<String>>,
    /// When another way was last looked for in vain, and why there was none.
    failed: RefCell<Option<(Instant, Failure)>>,
}

impl<'a> Route<'a> {
    pub(super) fn new(
        desk: &'a Desk<'a>,
        request: &'a ConnectRequest,
        login: &'a SharedLogin,
        endpoint: &'a Endpoint,
    ) -> Self {
        Self {
            desk,
            request,
            login,
            endpoint,
            carrier: RefCell::new(None),
            choosing: Mutex::new(()),
            made: RefCell::default(),
            failed: RefCell::default(),
        }
    }

    /// Finds a way on which the share's login is let in.
    ///
    /// # Errors
    /// There is none, or the server refuses the login.
    pub(super) async fn choose(&self) -> Result<Rc<Carrier>, Failure> {
        let chosen = Rc::new(self.first_that_works().await?);
        if !matches!(*chosen, Carrier::Direct) {
            let name = chosen.name(self.desk.namespace());
            self.desk.note(&format!("connected through {name}"));
        }
        *self.carrier.borrow_mut() = Some(Rc::clone(&chosen));
        Ok(chosen)
    }

    async fn first_that_works(&self) -> Result<Carrier, Failure> {
        let ConnectRequest { via, pod, .. } = self.request;
        let via = pod.as_ref().map(|_| Via::Pod).or(*via);
        let mut passed_over = Vec::new();
        // Outside the cluster a Service's name is whoever's the network says it is: nobody there is
        // told the password unless that is asked for.
        if via == Some(Via::Direct) || (via.is_none() && is_in_a_pod(self.desk.world)) {
            match self.prove(Carrier::Direct).await {
                Ok(carrier) => return Ok(carrier),
                Err(Unproven::NotLetIn(error)) => return Err(not_let_in(error, self.login)),
                // What does not answer a pod of the namespace answers no other pod of it.
                Err(Unproven::NotReached(failure)) if via.is_some() || self.is_in_own_pod() => {
                    return Err(self.not_reached(failure, "here"));
                }
                Err(Unproven::NotReached(_) | Unproven::Unfit(_)) => {}
            }
        }
        if via.is_none_or(|via| via == Via::Pod) {
            let name = pod.as_ref().map(|name| name.as_str());
            let pods = match own_pods(&self.desk.cluster, self.desk.namespace(), name).await {
                Ok(pods) => pods,
                Err(failure) if via.is_some() => return Err(failure),
                Err(failure) => {
                    self.desk
                        .note(&format!("passed over your pods: {}", failure.problem()));
                    Vec::new()
                }
            };
            for pod in pods.into_iter().take(PODS_TRIED) {
                let name = pod.name().to_owned();
                match self.prove(Carrier::Pod(pod)).await {
                    Ok(carrier) => return Ok(carrier),
                    Err(Unproven::NotLetIn(error)) => return Err(not_let_in(error, self.login)),
                    Err(Unproven::NotReached(failure)) => {
                        return Err(self.not_reached(failure, &format!("pod {name}")));
                    }
                    Err(Unproven::Unfit(why)) if via.is_some() => {
                        passed_over.push(format!("pod {name}: {why}"));
                    }
                    Err(Unproven::Unfit(why)) => {
                        self.desk.note(&format!("passed over pod {name}: {why}"));
                    }
                }
            }
        }
        if via.is_none_or(|via| via == Via::Relay) {
            let carrier = Carrier::Relay(self.start_relay().await?);
            let failure = match self.prove(carrier).await {
                Ok(carrier) => return Ok(carrier),
                Err(Unproven::NotLetIn(error)) => not_let_in(error, self.login),
                Err(Unproven::NotReached(failure)) => {
                    self.not_reached(failure, "a relay pod, which was removed again")
                }
                Err(Unproven::Unfit(why)) => Failure::new(Kind::Failed, why),
            };
            self.remove_relays().await;
            return Err(failure);
        }
        Err(self.no_way(via, passed_over))
    }

    /// The failure of a way that was asked for, and of no other.
    fn no_way(&self, via: Option<Via>, passed_over: Vec<String>) -> Failure {
        let namespace = self.desk.namespace();
        let not_found = |problem: String| Failure::new(Kind::NotFound, problem);
        if via == Some(Via::Direct) {
            return not_found(format!(
                "the name {} is not known here: this is not a pod of the cluster",
                self.login.host
            ))
            .next("the same command without --via direct");
        }
        let (failure, way_on) = match &self.request.pod {
            Some(name) if passed_over.is_empty() => (
                not_found(format!("no pod {name} runs in namespace {namespace}")),
                "the same command without --pod",
            ),
            Some(name) => (
                not_found(format!(
                    "pod {name} of namespace {namespace} cannot carry the connection"
                )),
                "the same command without --pod",
            ),
            None => (
                not_found(format!(
                    "no running pod of namespace {namespace} can carry the connection"
                ))
                .detail(format!(
                    "the {PODS_TRIED} newest are tried; each needs python3 or bash; Jobs' pods are not asked"
                )),
                "the same command with --via relay",
            ),
        };
        passed_over
            .into_iter()
            .fold(failure, Failure::detail)
            .next(format!("kubectl get pods -n {namespace}"))
            .next(way_on)
    }

    fn is_in_own_pod(&self) -> bool {
        pod_namespace(self.desk.world)
            .is_some_and(|namespace| namespace == self.desk.namespace().as_str())
    }

    /// The failure of a way on which nothing answers.
    fn not_reached(&self, failure: Failure, tried_from: &str) -> Failure {
        failure
            .detail(format!("tried from {tried_from}"))
            .next(format!(
                "kubectl get networkpolicies -n {}",
                self.desk.namespace()
            ))
            .next(format!(
                "ask its owner for: {} list --live -n {}",
                self.desk.name, self.request.share.namespace
            ))
    }

    async fn prove(&self, carrier: Carrier) -> Result<Carrier, Unproven> {
        prove(self.desk.world, &carrier, self.login, self.endpoint).await?;
        Ok(carrier)
    }

    async fn start_relay(&self) -> Result<relay::RelayPod, Failure> {
        let mut suffix = [0; SUFFIX_BYTES];
        self.desk.world.fill_random(&mut suffix).map_err(|error| {
            Failure::new(Kind::Failed, "a relay cannot be named").caused_by(&error)
        })?;
        let name = format!("share-db-relay-{}", HEXLOWER.encode(&suffix));
        let image = self
            .request
            .relay_image
            .as_deref()
            .or_else(|| self.desk.world.environment().text("DATALAB_RELAY_IMAGE"))
            .unwrap_or(DEFAULT_IMAGE);
        let (cluster, namespace) = (&self.desk.cluster, self.desk.namespace());
        let address = self.login.address();
        let relay = relay::Planned::admitted(cluster, namespace, &name, image, &address).await?;
        self.desk.note(&format!(
            "starting relay pod of job {name} in {namespace}, until this command ends"
        ));
        self.made.borrow_mut().push(name);
        let started = relay.start(cluster, namespace).await;
        if started.is_err() {
            self.remove_relays().await;
        }
        started
    }

    /// Serves one local connection to its end. As long as the server has not answered, what the
    /// client has said is said again on a new stream: a database between two primaries, or a
    /// carrier that ended since, costs the client some seconds and nothing else.
    pub(super) async fn serve(&self, mut local: impl Stream) -> Result<(), Failure> {
        let mut session = super::session::Session::new(&mut local);
        let mut begun = Instant::now();
        loop {
            let carrier = self.carrier.borrow().clone();
            let Some(carrier) = carrier else {
                return Ok(());
            };
            let why = match carrier.open(self.desk.world, &self.login.address()).await {
                Ok(stream) => match session.carry(stream).await {
                    Ok(()) => return Ok(()),
                    Err(unanswered) => unanswered.to_string(),
                },
                Err(error) => error.to_string(),
            };
            if !carrier.is_alive().await {
                self.renew(&carrier).await?;
                begun = Instant::now();
            } else if begun.elapsed() + PAUSE > PATIENCE {
                return Err(Failure::new(
                    Kind::Unreachable,
                    format!("{}:{} does not answer", self.login.host, self.login.port),
                )
                .detail(why));
            } else {
                sleep(PAUSE).await;
            }
        }
    }

    /// Finds another way, unless somebody has since the old one was handed out.
    async fn renew(&self, old: &Rc<Carrier>) -> Result<(), Failure> {
        let _one_at_a_time = self.choosing.lock().await;
        let is_current = self
            .carrier
            .borrow()
            .as_ref()
            .is_some_and(|current| Rc::ptr_eq(current, old));
        if !is_current {
            return Ok(());
        }
        if let Some((failed, failure)) = &*self.failed.borrow()
            && failed.elapsed() < RENEWAL_PAUSE
        {
            return Err(failure.clone());
        }
        // What it was made of is in the way of a quota.
        self.remove_relays().await;
        let gone = old.name(self.desk.namespace());
        self.desk.note(&format!("{gone} has ended"));
        let chosen = self.choose().await;
        *self.failed.borrow_mut() = chosen
            .as_ref()
            .err()
            .map(|failure| (Instant::now(), failure.clone()));
        chosen.map(drop)
    }

    /// Takes away what was made for this way.
    pub(super) async fn end(&self) {
        drop(self.carrier.borrow_mut().take());
        self.remove_relays().await;
    }

    /// Removes the relays that were made so far, none of which is in use.
    async fn remove_relays(&self) {
        let made = self.made.take();
        let (cluster, namespace) = (&self.desk.cluster, self.desk.namespace());
        for job in made {
            if let Err(error) = relay::remove(cluster, namespace, &job).await {
                self.desk.note(&format!(
                    "the relay could not be removed ({error}); it ends by itself within a minute, or: kubectl delete job {job} -n {namespace}"
                ));
            }
        }
    }
}
