use datalab_core::{
    cluster::api::api::{
        core::v1::Secret as SecretObject,
        networking::v1::NetworkPolicy,
        rbac::v1::{Role, RoleBinding},
    },
    report::{Failure, Kind},
    words::Secret,
};

use super::{
    action::{Action, Verb},
    existing::{Existing, Objects, refuse_foreign_role},
    request::GrantRequest,
    rights::{needed, refuse_missing},
    shared_database::{self, SharedDatabase},
};
use crate::{
    catalogue::{self, CatalogueNames, Database, Engine, Primary},
    desk::Desk,
    network::{self, Exposure},
    postgres::{self, Change, Converged, Credential, Elsewhere, Login, Server, Verifier},
    share::{self, Address, Grantee, Identity, Terms},
};

/// Everything that was found out before the first write, and what follows from it.
pub(crate) struct Survey {
    pub(crate) database: Database,
    pub(crate) names: CatalogueNames,
    pub(crate) primary: Primary,
    pub(crate) server: Server,
    pub(crate) superuser: Credential,
    pub(crate) superuser_secret: String,
    pub(crate) shared: SharedDatabase,
    pub(crate) identity: Identity,
    pub(crate) grantee: Grantee,
    pub(crate) exposure: Exposure,
    pub(crate) terms: Terms,
    pub(crate) terms_before: Option<Terms>,
    pub(crate) login: Login,
    pub(crate) sql_terms: postgres::Terms,
    pub(crate) address: Address,
    /// The password of the share's Secret, or the one it will get.
    pub(crate) password: Secret<String>,
    pub(crate) fresh_verifier: Verifier,
    pub(crate) wanted: Objects,
    pub(crate) existing: Existing,
    /// The statements between the database as it is and as it should be.
    pub(crate) converged: Converged,
}

/// Finds out everything a grant needs to know. Nothing is written.
///
/// # Errors
/// Any reason not to begin.
pub(crate) async fn survey(desk: &Desk<'_>, request: &GrantRequest) -> Result<Survey, Failure> {
    let cluster = &desk.cluster;
    let namespace = desk.namespace();
    refuse_odd_grantee(desk, request)?;
    let database = match catalogue::find(cluster, namespace, &request.wanted).await {
        // Who may not even look at the Services lacks more than that.
        Err(failure) if failure.kind() == Kind::Refused => {
            if let Ok(missing) = cluster.permitted(namespace, &needed(None)).await {
                refuse_missing(desk, &missing)?;
            }
            return Err(failure);
        }
        found => found?,
    };
    let identity = Identity {
        namespace: namespace.clone(),
        database: database.name.clone(),
        grantee: request.with.clone(),
    };
    let object_name = identity.object_name();

    let wanted_access = needed(Some(&object_name));
    let (missing, primary) = futures::join!(
        cluster.permitted(namespace, &wanted_access),
        catalogue::wait_for_primary(cluster, &database, request.patience)
    );
    refuse_missing(desk, &missing?)?;
    let primary = primary?;

    let (names, policies, bindings, secret, role, now) = futures::try_join!(
        catalogue::names(cluster, &database),
        cluster.list::<NetworkPolicy>(namespace, ""),
        cluster.list::<RoleBinding>(namespace, ""),
        cluster.get::<SecretObject>(namespace, &object_name),
        cluster.get::<Role>(namespace, &object_name),
        cluster.server_time(),
    )?;
    let base_name = network::base_name(&database.name);
    let policy_named = |name: &str| {
        policies
            .iter()
            .find(|policy| policy.metadata.name.as_deref() == Some(name))
            .cloned()
    };
    let existing = Existing {
        binding: bindings
            .iter()
            .find(|binding| binding.metadata.name.as_deref() == Some(&object_name))
            .cloned(),
        policy: policy_named(&object_name),
        base_policy: policy_named(&base_name),
        secret,
        role,
    };
    existing.refuse_foreign()?;
    let terms_before = existing.terms();
    let expiry = request.expiry(now, terms_before.as_ref())?;
    let grantee = share::derive(namespace, &bindings, &request.with, &request.subjects);
    let exposure = network::exposure(
        &network::without_shares(&policies),
        &primary.pod.metadata.labels.clone().unwrap_or_default(),
        &database.pod_port(),
    );

    let (superuser, superuser_secret) = catalogue::superuser(
        cluster,
        &database,
        &primary.pod,
        request.superuser_secret.as_ref(),
    )
    .await?;
    let server = primary.server(cluster, &database);
    let shared = shared_database::open(
        &server,
        &superuser,
        &superuser_secret,
        request,
        &names,
        &database,
    )
    .await?;
    let session = &shared.session;
    let schemas = shared_database::schemas(session, request, &shared.owner).await?;
    let terms = Terms {
        database: session.database().to_owned(),
        schemas,
        access: request.access,
        expiry,
        connection_limit: request.connection_limit,
        subjects: grantee.subjects.clone(),
    };
    let login = terms.login(&identity);
    let sql_terms = postgres::Terms {
        database: terms.database.clone(),
        schemas: terms.schemas.clone(),
        access: terms.access,
        creators: shared_database::creators(&shared.owner, &shared.facts),
    };
    let binding = share::binding(&identity, &primary.keeper, &terms.subjects);
    // Whoever is no longer meant, or let themselves in, knows the password that is there.
    let parted = match &terms_before {
        Some(before) => before.parts_with_somebody(&terms),
        None => existing.secret.is_some(),
    } || existing.lets_in_others_than(&binding);
    let password = match existing.password().filter(|_| !parted) {
        Some(password) => password,
        None => share::generate(desk.world)?,
    };
    let fresh_verifier = fresh_verifier(desk, &password)?;
    let converged = postgres::converge(
        session,
        Elsewhere {
            server: &server,
            superuser: &superuser,
        },
        &login,
        &sql_terms,
        password.expose(),
        &fresh_verifier,
        Change::Plan,
    )
    .await?;
    refuse_foreign_role(&identity, &converged)?;
    let address = Address {
        host: database.host(),
        port: database.service_port,
        ca: authority(desk, &database).await?,
    };
    let with_policy = !exposure.is_open() || request.isolate || existing.base_policy.is_some();
    let wanted = Objects {
        secret: share::secret(&identity, &primary.keeper, &terms, &address, &password),
        role: share::role(&identity, &primary.keeper),
        binding,
        policy: with_policy.then(|| network::grantee_policy(&identity, &primary.keeper, &database)),
        base_policy: (request.isolate && exposure.is_open() || existing.base_policy.is_some())
            .then(|| network::base_policy(&database, &primary.keeper)),
    };
    Ok(Survey {
        database,
        names,
        primary,
        server,
        superuser,
        superuser_secret,
        shared,
        identity,
        grantee,
        exposure,
        terms,
        terms_before,
        login,
        sql_terms,
        address,
        password,
        fresh_verifier,
        wanted,
        existing,
        converged,
    })
}

impl Survey {
    /// The server, for the databases beside the shared one.
    pub(crate) fn elsewhere(&self) -> Elsewhere<'_> {
        Elsewhere {
            server: &self.server,
            superuser: &self.superuser,
        }
    }

    /// What would be written to the cluster, in order.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let Self {
            wanted, existing, ..
        } = self;
        let mut actions = vec![
            Action::of("secret", &existing.secret, Some(&wanted.secret)),
            Action::of("role", &existing.role, Some(&wanted.role)),
            Action::of(
                "networkpolicy",
                &existing.base_policy,
                wanted.base_policy.as_ref(),
            ),
            Action::of("networkpolicy", &existing.policy, wanted.policy.as_ref()),
            Action::of("rolebinding", &existing.binding, Some(&wanted.binding)),
        ];
        actions.retain(|action| !action.name.is_empty());
        actions
    }

    /// Whether everything is as it should be already.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.converged.statements.is_empty() && self.actions().iter().all(Action::is_kept)
    }

    /// What differs from the share as it was: its terms, and what drifted from them.
    pub(crate) fn changes(&self) -> Vec<String> {
        let Some(before) = &self.terms_before else {
            return Vec::new();
        };
        let mut changes = before.changes(&self.terms);
        if self.isolates() {
            changes.push("network: open -> isolated".to_owned());
        }
        if changes.is_empty() {
            let fate = |was_there: bool| {
                if was_there {
                    "had drifted"
                } else {
                    "was missing"
                }
            };
            for Action { kind, name, action } in self.actions() {
                if action != Verb::Unchanged {
                    changes.push(format!("{kind}/{name} {}", fate(action != Verb::Created)));
                }
            }
            if !self.converged.statements.is_empty() {
                let fate = fate(self.converged.before.is_some());
                changes.push(format!("login {} {fate}", self.login.role));
            }
        }
        changes
    }

    /// Whether a database that is open to the whole cluster gets closed.
    fn isolates(&self) -> bool {
        self.wanted.base_policy.is_some() && self.existing.base_policy.is_none()
    }

    /// Asks for a person's word where a grant does more than share.
    pub(crate) fn confirm(&self, desk: &Desk<'_>, request: &GrantRequest) -> Result<(), Failure> {
        if !self.isolates() {
            return Ok(());
        }
        if let Exposure::OpenedBy { policies } = &self.exposure {
            let failure = Failure::new(
                Kind::Usage,
                format!(
                    "--isolate cannot close database {}: policies only ever allow, and {} lets every pod of the cluster in",
                    self.database.name,
                    policies.join(", ")
                ),
            );
            let namespace = &self.identity.namespace;
            return Err(policies.iter().fold(failure, |failure, policy| {
                failure.next(format!(
                    "kubectl get networkpolicy {policy} -n {namespace} -o yaml"
                ))
            }));
        }
        if self.database.engine == Engine::CloudNativePg {
            return Err(Failure::new(
                Kind::Usage,
                format!(
                    "database {} is run by an operator, which --isolate would cut off from it",
                    self.database.name
                ),
            )
            .next("the same command without --isolate"));
        }
        desk.note(&format!(
            "--isolate: NetworkPolicy {} will let only pods of namespace {} reach {} (every port), and shares the database's port. Today every pod of the cluster does.",
            network::base_name(&self.database.name),
            self.identity.namespace,
            self.database.name,
        ));
        if request.dry_run == datalab_core::cli::DryRun::None {
            request.confirm.ask(desk.world, "Isolate the database?")?;
        }
        Ok(())
    }
}

/// The namespace to share with cannot be looked at, so only its name can be judged.
fn refuse_odd_grantee(desk: &Desk<'_>, request: &GrantRequest) -> Result<(), Failure> {
    let (own, with) = (desk.namespace().as_str(), request.with.as_str());
    let command = |with: &str| format!("{} {} --with {with}", desk.name, request.wanted);
    if own == with {
        return Err(Failure::new(
            Kind::Usage,
            format!(
                "{own} is the database's own namespace; its pods and its admin reach it already"
            ),
        )
        .next("the same command with --with NAMESPACE, the colleague's"));
    }
    let (Some((prefix, _)), false) = (own.split_once('-'), with.contains('-')) else {
        return Ok(());
    };
    if !request.subjects.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Usage,
        format!("{with:?} does not look like a namespace of this platform, whose names begin like {prefix}-"),
    )
    .detail(format!("if there is a namespace of that name, say who is meant: --subject group:system:serviceaccounts:{with}"))
    .next(command(&format!("{prefix}-{with}")))
    .next(command(&format!("projet-{with}"))))
}

fn fresh_verifier(desk: &Desk<'_>, password: &Secret<String>) -> Result<Verifier, Failure> {
    let mut salt = [0; postgres::SALT_LENGTH];
    desk.world
        .fill_random(&mut salt)
        .map_err(|error| Failure::new(Kind::Failed, "no salt can be made").caused_by(&error))?;
    Ok(Verifier::of(password.expose(), salt))
}

/// The authority of the server's certificate, where the catalogue keeps one: only its certificate,
/// never its key, which lies beside it.
async fn authority(desk: &Desk<'_>, database: &Database) -> Result<Option<String>, Failure> {
    let secret = match database.engine {
        Engine::CloudNativePg => format!("{}-ca", database.name),
        Engine::Chart => format!("{}-crt", database.name),
    };
    let found = desk
        .cluster
        .get::<SecretObject>(&database.namespace, &secret)
        .await?;
    Ok(found
        .and_then(|secret| secret.data)
        .and_then(|mut data| data.remove(share::CA_KEY))
        .and_then(|value| String::from_utf8(value.0).ok()))
}
