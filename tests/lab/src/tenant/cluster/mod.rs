//! A database that CloudNativePG runs.

mod instances;
mod objects;
mod operator;
mod volumes;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::chart::Chart;
use super::database::Login;
use super::play::Cast;
use super::random;
use super::release::{Release, Superuser};
use super::server::Server;
use super::snapshot::Snapshot;
use super::stage::Stage;
use operator::Turn;

pub(super) use volumes::Volumes;

/// The namespace of the operator, and the label that its pods bear.
pub const CLOUDNATIVE_PG: (&str, &str) = (
    crate::cloudnative_pg::NAMESPACE,
    crate::cloudnative_pg::OPERATOR,
);

/// A new database takes 20 s and its rows some more; a busy machine makes it minutes.
const READY_WITHIN: Duration = Duration::from_secs(240);

/// How often a state is asked for.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// The catalogue's `postgresql-cnpg` as a tenant has it, run by the real operator, with the rows of a
/// [`Database`](super::Database).
///
/// Nothing here is done with her rights: she may not even read the Cluster.
pub struct Cluster {
    cast: Arc<Cast>,
    namespace: String,
    tenant: String,
    role: String,
    release: Release,
    fullname: String,
    major: u32,
    volumes: Volumes,
    /// Held until it is ready: nobody restarts the operator meanwhile.
    turn: Option<Turn>,
}

impl Cluster {
    #[track_caller]
    pub(super) fn deploy(
        cast: &Arc<Cast>,
        namespace: &str,
        tenant: &str,
        release: Release,
    ) -> Self {
        let stage = &cast.stage;
        let turn = Turn::share(stage);
        let major = operator::install(stage);
        let fullname = release.fullname(objects::POSTGRESQL_CNPG.name);
        let volumes = Volumes::make(cast, namespace, &fullname);
        let cluster = Self {
            cast: Arc::clone(cast),
            namespace: namespace.to_owned(),
            tenant: tenant.to_owned(),
            role: release.owner.clone().unwrap_or_else(|| tenant.to_owned()),
            fullname,
            major,
            volumes,
            // A suspended one waits for nothing.
            turn: (!release.suspended).then_some(turn),
            release,
        };
        let chart = cluster.chart();
        chart.install(stage, chart.cluster_objects(major));
        cluster
    }

    /// Waits until it serves and has its rows.
    ///
    /// # Panics
    /// When it does not, with what the cluster says of it.
    #[must_use]
    #[track_caller]
    pub fn ready(mut self) -> Self {
        self.until_healthy();
        self.until_applied();
        self.fill();
        if self.release.superuser == Superuser::ChangedInDatabase {
            let password = random::letters(20);
            self.sql(
                "postgres",
                &format!("SET log_statement = 'none'; ALTER ROLE postgres PASSWORD '{password}'"),
            );
        }
        self.turn = None;
        self
    }

    /// Helm's name for it: `postgresql-cnpg-123456`.
    #[must_use]
    pub fn release(&self) -> &str {
        &self.release.name
    }

    /// The name of its Cluster, which its other objects begin with.
    #[must_use]
    pub fn fullname(&self) -> &str {
        &self.fullname
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of the Service that leads to the primary, as any pod resolves it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}-rw.{}", self.fullname, self.namespace)
    }

    /// The name of the owner's database.
    #[must_use]
    pub fn dbname(&self) -> &str {
        &self.release.database
    }

    /// The owner's login, which the Secret holds.
    #[must_use]
    pub fn owner(&self) -> Login {
        self.login(&self.role, &self.release.password)
    }

    /// The login of `postgres` as the Secret has it, right or wrong: with the chart, the owner's password.
    #[must_use]
    pub fn superuser(&self) -> Login {
        self.login("postgres", &self.release.password)
    }

    /// A login to the owner's database.
    #[must_use]
    pub fn login(&self, user: &str, password: &str) -> Login {
        Login {
            host: self.host(),
            port: 5432,
            database: self.release.database.clone(),
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    /// Runs SQL in the database named, as superuser in the primary, and hands out the rows.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.server(&self.primary()).sql(database, sql)
    }

    /// Who may do what, as [`Database::effective_privileges`](super::Database::effective_privileges)
    /// has it.
    #[must_use]
    #[track_caller]
    pub fn effective_privileges(&self) -> Snapshot {
        self.server(&self.primary()).effective_privileges()
    }

    /// What the primary has logged since its pod started, JSON by the operator's form.
    #[must_use]
    #[track_caller]
    pub fn log(&self) -> String {
        self.server(&self.primary()).log()
    }

    /// Suspends it as Onyxia does: no pod until [`Cluster::wake`].
    #[track_caller]
    pub fn hibernate(&self) {
        self.annotate("cluster", "cnpg.io/hibernation=on");
        self.until("its pods to go", || self.pods("").is_empty());
    }

    /// Starts it again and waits until it serves.
    #[track_caller]
    pub fn wake(&self) {
        let _turn = Turn::share(self.stage());
        self.annotate("cluster", "cnpg.io/hibernation=off");
        self.until_healthy();
    }

    /// Uninstalls the release; the operator removes its pods, claims and Secrets.
    #[track_caller]
    pub fn uninstall(&self) {
        let chart = self.chart();
        let mut objects = chart.cluster_objects(self.major);
        objects.push(chart.helm_release());
        let delete = ["delete", "--ignore-not-found", "--timeout=120s", "-f", "-"];
        self.stage()
            .kubectl(delete)
            .input(super::manifest::list(&objects))
            .run()
            .ok();
        self.until("its pods to go", || self.pods("").is_empty());
    }

    /// The operator makes database and owner in its own time: it tries again after up to 30 s, or as
    /// soon as somebody touches the object.
    #[track_caller]
    fn until_applied(&self) {
        let started = Instant::now();
        for touch in 0.. {
            let applied = "--output=jsonpath={.status.applied}";
            let database = format!("database.postgresql.cnpg.io/{}", self.fullname);
            if self.get(&database, applied) == "true" {
                return;
            }
            assert!(
                started.elapsed() < READY_WITHIN,
                "{}: no database: {}",
                self.fullname,
                self.get(&database, "--output=yaml")
            );
            self.annotate(
                "database.postgresql.cnpg.io",
                &format!("datalab.test/touched={touch}"),
            );
            thread::sleep(Duration::from_secs(1));
        }
    }

    #[track_caller]
    fn fill(&self) {
        let primary = self.primary();
        let server = self.server(&primary);
        let owner = format!("--set=owner={}", self.role);
        let roles = include_str!("../../../manifests/postgresql-cnpg/roles.sql");
        let rows = include_str!("../../../manifests/postgresql/rows.sql");
        let archive = include_str!("../../../manifests/postgresql/archive.sql");
        for (database, script) in [
            ("postgres", roles),
            (self.dbname(), rows),
            ("archive", archive),
        ] {
            server.try_sql(database, &[&owner], script).ok();
        }
    }

    #[track_caller]
    fn get(&self, object: &str, output: &str) -> String {
        let get = ["get", "--namespace", &self.namespace, object, output];
        self.stage().kubectl(get).run().ok()
    }

    #[track_caller]
    fn annotate(&self, kind: &str, annotation: &str) {
        let object = format!("{kind}/{}", self.fullname);
        let namespace = &self.namespace;
        let line = [
            "annotate",
            "--overwrite",
            "--namespace",
            namespace,
            &object,
            annotation,
        ];
        self.stage().kubectl(line).run().ok();
    }

    /// Waits for something that must come.
    #[track_caller]
    fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(
                started.elapsed() < READY_WITHIN,
                "{}: waited {READY_WITHIN:?} for {what}: {}\n{}",
                self.fullname,
                self.phase(),
                self.get("pods", "--output=wide"),
            );
            thread::sleep(ASK_EVERY);
        }
    }

    fn stage(&self) -> &Stage {
        &self.cast.stage
    }

    fn server<'a>(&'a self, pod: &'a str) -> Server<'a> {
        Server {
            stage: &self.cast.stage,
            namespace: &self.namespace,
            pod,
        }
    }

    fn chart(&self) -> Chart<'_> {
        Chart {
            namespace: &self.namespace,
            owner: &self.tenant,
            role: &self.role,
            image: "",
            release: &self.release,
            kind: &objects::POSTGRESQL_CNPG,
        }
    }
}
