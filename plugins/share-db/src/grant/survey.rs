use std::sync::Arc;

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
    address::Located,
    existing::{Existing, Objects, refuse_foreign_role},
    grantee::refuse_odd_grantee,
    isolation::{self, Network},
    request::GrantRequest,
    rights::{needed, refuse_missing},
    shared_database::{self, Opened, SharedDatabase},
};
use crate::{
    catalogue::{self, Database, Engine, Patience, Primary},
    desk::Desk,
    network,
    postgres::{self, Change, Converged, Login, Superuser, Verifier},
    share::{self, Address, Grantee, Identity, Terms},
};

/// Everything that was found out before the first write, and what follows from it.
pub(crate) struct Survey {
    pub(crate) database: Database,
    /// What its owner called it in Onyxia.
    pub(crate) friendly_name: Option<String>,
    pub(crate) primary: Primary,
    pub(crate) superuser: Arc<Superuser>,
    pub(crate) superuser_secret: String,
    pub(crate) shared: SharedDatabase,
    pub(crate) identity: Identity,
    pub(crate) grantee: Grantee,
    pub(crate) network: Network,
    pub(crate) terms: Terms,
    pub(crate) terms_before: Option<Terms>,
    pub(crate) login: Login,
    pub(crate) sql_terms: postgres::Terms,
    pub(crate) address: Address,
    /// Why the server cannot be verified by all of its certificate.
    pub(crate) certificate_gap: Option<String>,
    /// The password of the share's Secret, or the one it will get.
    pub(crate) password: Secret<String>,
    pub(crate) fresh_verifier: Verifier,
    pub(crate) wanted: Objects,
    pub(crate) existing: Existing,
    /// The statements between the database as it is and as it should be.
    pub(crate) converged: Converged,
}

/// Finds out everything a grant needs to know. Nothing is written. Under the lock that was taken
/// after a survey before, the same server has to be found again.
///
/// # Errors
/// Any reason not to begin.
pub(crate) async fn survey(
    desk: &Desk<'_>,
    request: &GrantRequest,
    before: Option<&Survey>,
) -> Result<Survey, Failure> {
    refuse_odd_grantee(desk, request)?;
    let database = find(desk, request).await?;
    let (cluster, namespace) = (&desk.cluster, desk.namespace());
    let identity = Identity {
        namespace: namespace.clone(),
        database: database.name.clone(),
        grantee: request.with.clone(),
    };
    let object_name = identity.object_name();

    let wanted_access = needed(Some(&object_name));
    let patience = Patience::of(request.patience);
    let read = async {
        futures::try_join!(
            catalogue::friendly_name(cluster, &database),
            cluster.list::<NetworkPolicy>(namespace, ""),
            cluster.list::<RoleBinding>(namespace, ""),
            cluster.get::<SecretObject>(namespace, &object_name),
            cluster.get::<Role>(namespace, &object_name),
        )
    };
    let read = async {
        let (missing, read) = futures::join!(cluster.permitted(namespace, &wanted_access), read);
        refuse_missing(desk, &missing?)?;
        let (friendly_name, policies, bindings, secret, role) = read?;
        let existing = Existing::of(secret, role, &policies, &bindings, &database, &object_name);
        existing.refuse_foreign()?;
        let operator = isolation::operator(request, &database, &existing)?;
        Ok((friendly_name, policies, bindings, existing, operator))
    };
    // What is wrong with the request need not wait for the database, whose failure comes second.
    let opened = async {
        let opened = patience.looking(|| shared_database::open(desk, request, &database, before));
        Ok::<_, Failure>(opened.await)
    };
    let ((friendly_name, policies, bindings, existing, operator), opened) =
        futures::try_join!(read, opened)?;
    let now = cluster.server_time().await?;
    let terms_before = existing.terms();
    let expiry = request.expiry(now, terms_before.as_ref())?;
    let grantee = share::derive(namespace, &bindings, &request.with, &request.subjects);
    let Opened {
        primary,
        superuser,
        secret: superuser_secret,
        shared,
    } = opened?;
    let network = Network::of(&database, &primary, &policies, operator);

    let session = &shared.session;
    let (schemas, authority) = futures::try_join!(
        shared_database::schemas(session, request, &shared.owner),
        authority(desk, &database, &shared)
    )?;
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
        &superuser,
        &login,
        &sql_terms,
        password.expose(),
        &fresh_verifier,
        Change::Plan,
    )
    .await?;
    refuse_foreign_role(&identity, &converged)?;
    let presented = superuser.server.presented();
    let Located {
        address,
        gap: certificate_gap,
    } = Located::of(&database, authority, presented, now);
    let with_base =
        existing.base_policy.is_some() || request.isolate && network.wants_base_policy();
    let with_policy = with_base || !network.exposure.is_open() || request.isolate;
    let wanted = Objects {
        secret: share::secret(&identity, &primary.keeper, &terms, &address, &password),
        role: share::role(&identity, &primary.keeper),
        binding,
        policy: with_policy.then(|| network::grantee_policy(&identity, &primary.keeper, &database)),
        base_policy: with_base
            .then(|| network::base_policy(&database, &primary.keeper, network.operator.as_ref())),
    };
    Ok(Survey {
        database,
        friendly_name,
        primary,
        superuser,
        superuser_secret,
        shared,
        identity,
        grantee,
        network,
        terms,
        terms_before,
        login,
        sql_terms,
        address,
        certificate_gap,
        password,
        fresh_verifier,
        wanted,
        existing,
        converged,
    })
}

/// The database that is meant.
async fn find(desk: &Desk<'_>, request: &GrantRequest) -> Result<Database, Failure> {
    let (cluster, namespace) = (&desk.cluster, desk.namespace());
    match catalogue::find(cluster, namespace, &request.wanted).await {
        // Who may not even look at the Services lacks more than that.
        Err(failure) if failure.kind() == Kind::Refused => {
            if let Ok(missing) = cluster.permitted(namespace, &needed(None)).await {
                refuse_missing(desk, &missing)?;
            }
            Err(failure)
        }
        found => found,
    }
}

impl Survey {
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
        changes.extend(self.network_change());
        changes.extend(self.address_changes());
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
}

fn fresh_verifier(desk: &Desk<'_>, password: &Secret<String>) -> Result<Verifier, Failure> {
    let mut salt = [0; postgres::SALT_LENGTH];
    desk.world
        .fill_random(&mut salt)
        .map_err(|error| Failure::new(Kind::Failed, "no salt can be made").caused_by(&error))?;
    Ok(Verifier::of(password.expose(), salt))
}

/// The Secret in which the catalogue keeps the authority of the server's certificate, and the
/// authority (PEM), where there is one: only its certificate, never its key, which lies beside it.
async fn authority(
    desk: &Desk<'_>,
    database: &Database,
    shared: &SharedDatabase,
) -> Result<Option<(String, String)>, Failure> {
    if !shared.facts.has_tls {
        return Ok(None);
    }
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
        .and_then(|value| String::from_utf8(value.0).ok())
        .map(|authority| (secret, authority)))
}
