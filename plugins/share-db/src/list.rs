//! `list`: the shares of a namespace, and whether they still are what they were made as.

use datalab_core::{
    cluster::api::api::{
        core::v1::{Pod, Secret as SecretObject},
        networking::v1::NetworkPolicy,
    },
    report::Failure,
    words::ObjectName,
};
use jiff::Timestamp;

use crate::{
    catalogue::{self, Database, Wanted},
    desk::Desk,
    network::{self, Exposure},
    outcome::{ListedShare, Live, Shares, State, Unasked},
    postgres::{LoginState, SALT_LENGTH, Session, Verifier, shared_logins},
    share::{self, Identity, Record, Records},
};

/// What a list is asked for.
#[derive(Debug)]
pub(crate) struct ListRequest {
    pub(crate) database: Option<Wanted>,
    pub(crate) live: bool,
    pub(crate) superuser_secret: Option<ObjectName>,
}

/// Lists the shares. Six requests whatever their number; `--live` asks each database as well.
///
/// # Errors
/// The cluster does not answer, or the database that was asked for is not there.
pub(crate) async fn list(desk: &Desk<'_>, request: &ListRequest) -> Result<Shares, Failure> {
    let (cluster, namespace) = (&desk.cluster, desk.namespace());
    let (databases, records, pods) = futures::join!(
        catalogue::all(cluster, namespace),
        Records::read(cluster, namespace),
        cluster.list::<Pod>(namespace, ""),
    );
    let (databases, records, pods) = (databases?, records?, pods?);
    let now = cluster.server_time().await?;
    let only = match &request.database {
        Some(wanted) => Some(
            records
                .database(cluster, namespace, wanted, &databases)
                .await?,
        ),
        None => None,
    };
    let Records {
        mut records,
        policies,
    } = records;
    if let Some(only) = only {
        records.retain(|record| record.identity.database == only);
    }
    let mut shares: Vec<ListedShare> = records
        .iter()
        .map(|record| {
            let database = databases
                .iter()
                .find(|database| database.name == record.identity.database);
            let network = database.map(|database| network_of(database, &pods, &policies));
            judge(record, database, network.as_ref(), now)
        })
        .collect();
    let mut unasked = Vec::new();
    if request.live {
        for database in &databases {
            let concerned = request.database.is_none()
                || records
                    .iter()
                    .any(|record| record.identity.database == database.name);
            if concerned
                && let Err(failure) = ask(desk, request, database, &records, &mut shares).await
            {
                desk.note(&format!(
                    "warning: database {} was not asked: {}",
                    database.name,
                    failure.problem()
                ));
                unasked.push(Unasked {
                    database: database.name.clone(),
                    reason: failure.problem().to_owned(),
                });
            }
        }
    }
    shares.sort_by(|a, b| (&a.database, &a.grantee).cmp(&(&b.database, &b.grantee)));
    Ok(Shares {
        items: shares,
        unasked,
    })
}

/// The exposure of a database as it is, and as it would be without the policies of shares.
struct Network {
    exposure: Exposure,
    without_shares: Exposure,
}

fn network_of(database: &Database, pods: &[Pod], policies: &[NetworkPolicy]) -> Network {
    let pod = pods
        .iter()
        .find(|pod| database.is_primary(pod))
        .or_else(|| pods.iter().find(|pod| database.is_instance(pod)));
    let labels = match pod.and_then(|pod| pod.metadata.labels.clone()) {
        Some(labels) => labels,
        // Without a pod, the labels that any pod of the Service has are the best there is.
        None => {
            let mut labels = database.instance_labels();
            labels.extend(database.selector.clone());
            labels
        }
    };
    let port = database.pod_port();
    let of = |policies: &[NetworkPolicy]| network::exposure(policies, &labels, &port);
    Network {
        exposure: of(policies),
        without_shares: of(&network::without_shares(policies)),
    }
}

fn judge(
    record: &Record,
    database: Option<&Database>,
    network: Option<&Network>,
    now: Timestamp,
) -> ListedShare {
    let exposure = network.map(|network| &network.exposure);
    let terms = record.terms();
    let mut reasons = Vec::new();
    let mut state = State::Ok;
    let mut worse = |new: State, reason: String| {
        state = state.max(new);
        reasons.push(reason);
    };
    if exposure.is_some_and(Exposure::is_open) {
        worse(
            State::OpenToAll,
            "every pod of the cluster reaches the database".to_owned(),
        );
    } else if network.is_some_and(|network| network.without_shares.is_open()) {
        worse(
            State::Drifted,
            "the policy that let its own namespace in is gone; a grant with --isolate makes another"
                .to_owned(),
        );
    }
    if terms
        .as_ref()
        .is_some_and(|terms| terms.expiry.is_over(now))
    {
        worse(
            State::Expired,
            "new logins are over; open sessions and objects stay until revoked".to_owned(),
        );
    }
    match (&record.secret, &terms) {
        (None, _) => worse(State::Orphan, "its Secret is gone".to_owned()),
        (Some(_), None) => worse(
            State::Drifted,
            "the terms on its Secret were edited".to_owned(),
        ),
        (Some(secret), Some(terms)) => {
            for reason in drift(
                record,
                secret.owner_references.as_deref().unwrap_or_default(),
                terms,
                database,
                exposure,
            ) {
                worse(State::Drifted, reason);
            }
        }
    }
    if database.is_none() {
        worse(State::Orphan, "its database is gone".to_owned());
    }
    ListedShare {
        database: record.identity.database.clone(),
        grantee: record.identity.grantee.to_string(),
        sql_database: terms.as_ref().map(|terms| terms.database.clone()),
        schemas: terms
            .as_ref()
            .map(|terms| terms.schemas.clone())
            .unwrap_or_default(),
        access: terms.as_ref().map(|terms| terms.access),
        expires: terms.as_ref().map(|terms| terms.expiry.to_string()),
        role: record.identity.role_name(),
        secret: record.identity.object_name(),
        state,
        reasons,
        live: None,
    }
}

/// What of the share's objects is not as its terms say.
fn drift(
    record: &Record,
    keepers: &[share::Keeper],
    terms: &share::Terms,
    database: Option<&Database>,
    exposure: Option<&Exposure>,
) -> Vec<String> {
    let Some(keeper) = keepers.first() else {
        return vec!["its Secret has no owner".to_owned()];
    };
    let identity = &record.identity;
    let mut drifted = Vec::new();
    match &record.role {
        None => drifted.push("its Role is gone".to_owned()),
        Some(role) if !share::covers(role, &share::role(identity, keeper)) => {
            drifted.push("its Role was changed".to_owned());
        }
        Some(_) => {}
    }
    match &record.binding {
        None => drifted.push("its RoleBinding is gone".to_owned()),
        Some(binding)
            if !share::covers(binding, &share::binding(identity, keeper, &terms.subjects)) =>
        {
            drifted.push("its RoleBinding was changed".to_owned());
        }
        Some(_) => {}
    }
    if let Some(database) = database {
        let wanted = network::grantee_policy(identity, keeper, database);
        match &record.policy {
            None if exposure.is_some_and(|exposure| !exposure.is_open()) => {
                drifted.push("its NetworkPolicy is gone, and the database is isolated".to_owned());
            }
            Some(policy) if !share::covers(policy, &wanted) => {
                drifted.push("its NetworkPolicy was changed".to_owned());
            }
            _ => {}
        }
    }
    drifted
}

/// Asks one database what it knows of the shares.
async fn ask(
    desk: &Desk<'_>,
    request: &ListRequest,
    database: &Database,
    records: &[Record],
    shares: &mut Vec<ListedShare>,
) -> Result<(), Failure> {
    let named = request.superuser_secret.as_ref();
    let superuser = catalogue::administered(&desk.cluster, database, named).await?;
    let session = superuser.session("postgres").await?;
    for record in records
        .iter()
        .filter(|record| record.identity.database == database.name)
    {
        let known = shares
            .iter_mut()
            .find(|share| share.secret == record.identity.object_name());
        if let Some(share) = known {
            look_at(desk, &session, record, share).await?;
        }
    }
    let probe = Identity {
        namespace: database.namespace.clone(),
        database: database.name.clone(),
        grantee: database.namespace.clone(),
    };
    for (role, grantee, sessions) in shared_logins(&session, &probe.comment_prefix()).await? {
        if !shares
            .iter()
            .any(|share| share.role == role && share.database == database.name)
        {
            shares.push(ListedShare {
                database: database.name.clone(),
                grantee: Identity::grantee_in(&grantee)
                    .map_or(grantee, |namespace| namespace.to_string()),
                sql_database: None,
                schemas: Vec::new(),
                access: None,
                expires: None,
                secret: String::new(),
                state: State::Orphan,
                reasons: vec!["the login exists in the database, its Secret does not".to_owned()],
                live: Some(Live {
                    login: true,
                    sessions,
                }),
                role,
            });
        }
    }
    Ok(())
}

async fn look_at(
    desk: &Desk<'_>,
    session: &Session,
    record: &Record,
    share: &mut ListedShare,
) -> Result<(), Failure> {
    let state = LoginState::read(session, &share.role).await?;
    let secret = desk
        .cluster
        .get::<SecretObject>(&record.identity.namespace, &share.secret)
        .await?;
    let password = secret.as_ref().and_then(share::password_in);
    let mut worse = |new: State, reason: &str| {
        share.state = share.state.max(new);
        share.reasons.push(reason.to_owned());
    };
    match &state {
        None => worse(State::Drifted, "its login is gone from the database"),
        Some(login) if !login.can_login => worse(State::Drifted, "its login is locked"),
        // Without its Secret it is an orphan already, whatever its password.
        Some(_) if record.secret.is_none() => {}
        Some(login) => match password.filter(|password| login.accepts(password.expose())) {
            None => worse(
                State::Drifted,
                "its password in the database is not the one of its Secret",
            ),
            Some(password) if was_changed(record, login, password.expose()) => {
                worse(State::Drifted, "its login was changed");
            }
            Some(_) => {}
        },
    }
    let sessions = session
        .rows(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = $1",
            &[&share.role],
        )
        .await?;
    share.live = Some(Live {
        login: state.is_some(),
        sessions: sessions.first().map_or(0, |row| row.get(0)),
    });
    Ok(())
}

/// Whether a grant with the record's terms would change the login: its attributes, memberships,
/// limits or comment. Nothing can be told without terms.
fn was_changed(record: &Record, state: &LoginState, password: &str) -> bool {
    let Some(terms) = record.terms() else {
        return false;
    };
    let login = terms.login(&record.identity);
    // Only whether there are statements counts; none is run, so that the salt need not be random.
    let unused = Verifier::of(password, [0; SALT_LENGTH]);
    !login.difference(Some(state), password, &unused).is_empty()
}
