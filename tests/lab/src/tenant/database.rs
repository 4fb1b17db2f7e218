//! A deployed database.

use std::sync::Arc;

use super::chart::{Chart, POSTGRESQL};
use super::manifest;
use super::play::Cast;
use super::random;
use super::release::{Release, Superuser};
use super::server::Server;
use super::snapshot::Snapshot;

/// The catalogue's PostgreSQL as a tenant has it, with rows in three schemas of the owner's database
/// (`public.towns`, `sales.orders`, `sales.turnover`, `research.surveys`; `public.projections` is the
/// superuser's), a second database `archive` of hers (`ledgers.entries`), and a group role `analysts`
/// that she granted some of it. `manifests/postgresql` has the scripts.
pub struct Database {
    cast: Arc<Cast>,
    namespace: String,
    tenant: String,
    role: String,
    release: Release,
    fullname: String,
    pod: String,
    host: String,
    image: String,
}

/// How to log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// A host name as seen from a pod.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The database to enter.
    pub database: String,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl Database {
    #[track_caller]
    pub(super) fn deploy(
        cast: &Arc<Cast>,
        namespace: &str,
        tenant: &str,
        release: Release,
    ) -> Self {
        let database = Self {
            cast: Arc::clone(cast),
            namespace: namespace.to_owned(),
            tenant: tenant.to_owned(),
            role: release.owner.clone().unwrap_or_else(|| tenant.to_owned()),
            fullname: release.fullname(POSTGRESQL.name),
            pod: format!("{}-0", release.fullname(POSTGRESQL.name)),
            host: format!("{}.{namespace}", release.fullname(POSTGRESQL.name)),
            image: match release.major {
                Some(major) => cast.stage.image_with_postgresql(major),
                None => cast.stage.image().to_owned(),
            },
            release,
        };
        let chart = database.chart();
        chart.install(&cast.stage, chart.objects());
        database
    }

    /// Waits until it serves.
    ///
    /// # Panics
    /// When it does not, with what its pod says.
    #[must_use]
    #[track_caller]
    pub fn ready(self) -> Self {
        self.wait();
        if self.release.superuser == Superuser::ChangedInDatabase {
            let password = random::letters(20);
            self.sql(
                "postgres",
                &format!("SET log_statement = 'none'; ALTER ROLE postgres PASSWORD '{password}'"),
            );
        }
        self
    }

    /// Helm's name for it: `postgresql-951239`.
    #[must_use]
    pub fn release(&self) -> &str {
        &self.release.name
    }

    /// The name of its StatefulSet, Service and Secret.
    #[must_use]
    pub fn fullname(&self) -> &str {
        &self.fullname
    }

    /// The name of its pod.
    #[must_use]
    pub fn pod(&self) -> &str {
        &self.pod
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The Service's name as any pod resolves it: `postgresql-951239.user-me-k3f9x`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
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

    /// The login of `postgres` as the Secret has it, right or wrong.
    #[must_use]
    pub fn superuser(&self) -> Login {
        self.login("postgres", &self.release.superuser_password)
    }

    /// A login to the owner's database.
    #[must_use]
    pub fn login(&self, user: &str, password: &str) -> Login {
        Login {
            host: self.host.clone(),
            port: 5432,
            database: self.release.database.clone(),
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    /// Runs SQL in the database named, as superuser by the server's own socket, and hands out the rows.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.server().sql(database, sql)
    }

    /// What the server has logged since its pod started, every statement included.
    #[must_use]
    #[track_caller]
    pub fn log(&self) -> String {
        self.server().log()
    }

    /// Who may do what, in every database: effective privileges, default privileges, owners, and the
    /// server's roles with their memberships and settings.
    #[must_use]
    #[track_caller]
    pub fn effective_privileges(&self) -> Snapshot {
        self.server().effective_privileges()
    }

    /// Suspends it as Onyxia does: no pod until [`Database::resume`], which finds the rows of the start.
    #[track_caller]
    pub fn suspend(&self) {
        self.scale("0");
        let pod = format!("pod/{}", self.pod);
        let stage = &self.cast.stage;
        stage
            .kubectl([
                "wait",
                "--namespace",
                &self.namespace,
                "--for=delete",
                "--timeout=60s",
                &pod,
            ])
            .run()
            .ok();
    }

    /// Starts it again and waits until it serves.
    #[track_caller]
    pub fn resume(&self) {
        self.scale("1");
        self.wait();
    }

    /// Checks or unchecks the catalogue's network box.
    #[track_caller]
    pub fn isolate(&self, isolated: bool) {
        let verb = if isolated {
            ["apply", "-f", "-"].as_slice()
        } else {
            &["delete", "--ignore-not-found", "-f", "-"]
        };
        self.cast
            .stage
            .kubectl(verb)
            .input(self.chart().network_policy().to_string())
            .run()
            .ok();
    }

    /// Uninstalls the release: every object of its own goes, Onyxia's note by its owner reference.
    #[track_caller]
    pub fn uninstall(&self) {
        let chart = self.chart();
        let mut objects = chart.objects();
        objects.push(chart.helm_release());
        let delete = ["delete", "--ignore-not-found", "--timeout=60s", "-f", "-"];
        self.cast
            .stage
            .kubectl(delete)
            .input(manifest::list(&objects))
            .run()
            .ok();
    }

    fn server(&self) -> Server<'_> {
        Server {
            stage: &self.cast.stage,
            namespace: &self.namespace,
            pod: &self.pod,
        }
    }

    #[track_caller]
    fn scale(&self, replicas: &str) {
        let set = format!("statefulset/{}", self.fullname);
        let replicas = format!("--replicas={replicas}");
        self.cast
            .stage
            .kubectl(["scale", "--namespace", &self.namespace, &replicas, &set])
            .run()
            .ok();
    }

    #[track_caller]
    fn wait(&self) {
        let set = format!("statefulset/{}", self.fullname);
        let stage = &self.cast.stage;
        let rollout = [
            "rollout",
            "status",
            "--namespace",
            &self.namespace,
            "--timeout=120s",
            &set,
        ];
        let ready = stage.kubectl(rollout).run();
        if !ready.succeeded() {
            let pod = &self.pod;
            let events = stage
                .kubectl(["describe", "--namespace", &self.namespace, "pod", pod])
                .run();
            let log = stage
                .kubectl(["logs", "--namespace", &self.namespace, pod])
                .run();
            assert!(ready.succeeded(), "{ready}\n{events}\n{log}");
        }
    }

    fn chart(&self) -> Chart<'_> {
        Chart {
            namespace: &self.namespace,
            owner: &self.tenant,
            role: &self.role,
            image: &self.image,
            release: &self.release,
            kind: &POSTGRESQL,
        }
    }
}
