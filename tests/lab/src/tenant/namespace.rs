//! A tenant: a namespace as Onyxia makes it, and the one who administers it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::certificate::Request;
use super::cluster::Cluster;
use super::command::{Output, Program};
use super::database::Database;
use super::inventory;
use super::kubeconfig;
use super::manifest;
use super::play::Cast;
use super::pod::Pod;
use super::release::Release;
use super::snapshot::Snapshot;

/// What Onyxia puts before the ids of users and groups, where the API server does so for OIDC claims.
const PREFIX: &str = "oidc-";

/// A namespace and its administrator, with a kubeconfig of her own; she has no rights elsewhere.
pub struct Tenant {
    cast: Arc<Cast>,
    id: String,
    namespace: String,
    user: String,
    subject: String,
    kubeconfig: PathBuf,
    home: PathBuf,
}

impl Tenant {
    #[track_caller]
    pub(super) fn of_user(cast: &Arc<Cast>, id: &str, group: Option<&str>) -> Self {
        let id = cast.name(id);
        let user = format!("{PREFIX}{id}");
        Self::create(
            cast,
            format!("user-{id}"),
            id,
            user.clone(),
            ("User", user),
            group,
        )
    }

    #[track_caller]
    pub(super) fn of_group(cast: &Arc<Cast>, id: &str) -> Self {
        let id = cast.name(id);
        let group = format!("{PREFIX}{id}");
        Self::create(
            cast,
            format!("projet-{id}"),
            id,
            format!("{group}-member"),
            ("Group", group.clone()),
            Some(&group),
        )
    }

    #[track_caller]
    fn create(
        cast: &Arc<Cast>,
        namespace: String,
        id: String,
        user: String,
        (subject_kind, subject): (&str, String),
        group: Option<&str>,
    ) -> Self {
        let stage = &cast.stage;
        let request = Request::new(format!("datalab-{user}"), &user, group);
        let leftovers = [
            format!("namespace/{namespace}"),
            format!("certificatesigningrequest/datalab-{user}"),
        ];
        if cast.is_plain() {
            let [namespace, request] = &leftovers;
            stage
                .kubectl([
                    "delete",
                    "--ignore-not-found",
                    "--timeout=120s",
                    namespace,
                    request,
                ])
                .run()
                .ok();
        }
        leftovers
            .into_iter()
            .for_each(|leftover| cast.remove_at_the_end(leftover));

        let mut objects = manifest::objects(
            include_str!("../../manifests/tenant.yaml"),
            &[
                ("namespace", &namespace),
                ("owner", &id),
                ("subject-kind", subject_kind),
                ("subject", &subject),
            ],
        );
        objects.push(request.object.clone());
        stage
            .kubectl(["create", "-f", "-"])
            .input(manifest::list(&objects))
            .run()
            .ok();

        let kubeconfig = cast.folder(&namespace).join("kubeconfig");
        kubeconfig::write_for(
            &kubeconfig,
            stage,
            &user,
            &namespace,
            &request.approve(stage),
        );
        let home = cast.folder(&format!("{namespace}/home"));
        Self {
            cast: Arc::clone(cast),
            id,
            namespace,
            user,
            subject,
            kubeconfig,
            home,
        }
    }

    /// Onyxia's id of the user or the group: `me-k3f9x`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The namespace: `user-me-k3f9x`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Who acts, as the API server knows her: `oidc-me-k3f9x`.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The User or Group bound in the namespace's `full_control_namespace`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Her kubeconfig, whose current namespace is hers.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Her home, empty at first.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Runs kubectl as her.
    #[track_caller]
    pub fn kubectl<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        let mut line = vec![self.cast.stage.kubectl_path().as_os_str().to_owned()];
        line.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self.program(line).run()
    }

    /// Runs any program as her.
    #[track_caller]
    pub fn run<S: AsRef<OsStr>>(&self, line: impl IntoIterator<Item = S>) -> Output {
        self.program(line).run()
    }

    /// Any program as her, to be given an input or variables first: her KUBECONFIG and HOME, and a PATH
    /// with the plugins under test (`DATALAB_BIN`, else where `cargo xtask` puts them) and the stage's kubectl.
    #[track_caller]
    pub fn program<S: AsRef<OsStr>>(&self, line: impl IntoIterator<Item = S>) -> Program {
        let stage = &self.cast.stage;
        stage
            .program(line, &self.home)
            .env("KUBECONFIG", &self.kubeconfig)
    }

    /// Lets the members of a group, as the API server names it, see the pods of the namespace: a role of
    /// its own, and nothing else.
    #[track_caller]
    pub fn show_pods_to(&self, group: &str) {
        let objects = manifest::objects(
            include_str!("../../manifests/pod-readers.yaml"),
            &[("namespace", &self.namespace), ("group", group)],
        );
        let create = self.cast.stage.kubectl(["create", "-f", "-"]);
        create.input(manifest::list(&objects)).run().ok();
    }

    /// A pod of hers to act from, by the namespace's service account `default`.
    #[must_use]
    #[track_caller]
    pub fn pod(&self, name: &str) -> Pod {
        Pod::start(&self.cast, &self.namespace, name.to_owned())
    }

    /// Deploys a database as the catalogue would; [`Database::ready`] waits for it.
    #[must_use]
    #[track_caller]
    pub fn postgres(&self, release: Release) -> Database {
        Database::deploy(&self.cast, &self.namespace, &self.id, release)
    }

    /// Deploys a database that CloudNativePG runs, as the catalogue would, and the operator before it if
    /// the lab has none yet; [`Cluster::ready`] waits for it.
    ///
    /// # Panics
    /// On a cluster of one's own: ask for [`Stage::required_lab`](super::Stage::required_lab).
    #[must_use]
    #[track_caller]
    pub fn cluster(&self, release: Release) -> Cluster {
        Cluster::deploy(&self.cast, &self.namespace, &self.id, release)
    }

    /// Everything in her namespace, a line per object: kind, name and a digest of what it says, without
    /// its status and what the API server writes by itself.
    #[must_use]
    #[track_caller]
    pub fn inventory(&self) -> Snapshot {
        inventory::of(&self.cast.stage, &self.namespace)
    }
}
