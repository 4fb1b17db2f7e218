use std::time::Duration;

use datalab_core::{
    cluster::{Access, Identity},
    report::Failure,
    words::{Namespace, Subject},
};
use futures::future::join_all;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    sql_proof::{LoginProof, SqlProof, prove_in_database},
    survey::Survey,
};
use crate::{desk::Desk, postgres::Reach};

/// How long a fresh RoleBinding may take to count: the authorizer watches, it is not told.
const PUBLICATION_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(100);

/// What the grantee can do now, as far as it can be asked from here.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    pub(crate) login: Option<LoginProof>,
    pub(crate) reviews: Vec<Review>,
    /// What the login reaches beyond the share; `None` when it was not asked.
    pub(crate) reach: Option<Reach>,
    /// What could not be asked, and why.
    pub(crate) gaps: Vec<String>,
}

/// One question to the API server, and its answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Review {
    /// Whom it was asked for.
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    pub(crate) question: String,
    pub(crate) allowed: bool,
    pub(crate) expected: bool,
}

/// Asks the API server and the database what the grantee can do now; the database only where it was
/// not asked already.
pub(crate) async fn prove(desk: &Desk<'_>, survey: &Survey, asked: Option<SqlProof>) -> Proof {
    let mut proof = Proof::default();
    let in_database = async {
        match asked {
            Some(asked) => asked,
            None => prove_in_database(survey).await,
        }
    };
    let identities: Vec<Identity> = survey.terms.subjects.iter().map(assumed).collect();
    let reviews = identities
        .iter()
        .map(|identity| reviews(desk, survey, identity));
    let (SqlProof { login, reach }, reviews) = futures::join!(in_database, join_all(reviews));
    match login {
        Ok(login) => proof.login = Some(login),
        Err(failure) => proof.gaps.push(failure.problem().to_owned()),
    }
    for answers in reviews {
        match answers {
            Ok(reviews) => proof.reviews.extend(reviews),
            Err(failure) => proof.gaps.push(failure.problem().to_owned()),
        }
    }
    match reach {
        Ok(reach) => proof.reach = Some(reach),
        Err(failure) => proof.gaps.push(failure.problem().to_owned()),
    }
    proof
}

/// The user and groups with which a subject stands before the API server: an assumption, since only
/// the authenticator knows a person's groups.
fn assumed(subject: &Subject) -> Identity {
    let pod = |namespace: &Namespace, name: &str| Identity {
        user: format!("system:serviceaccount:{namespace}:{name}"),
        groups: vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".to_owned(),
        ],
    };
    let authenticated = "system:authenticated".to_owned();
    match subject {
        Subject::User(name) => Identity {
            user: name.clone(),
            groups: vec![authenticated],
        },
        Subject::Group(name) => {
            match name.strip_prefix("system:serviceaccounts:").map(str::parse) {
                Some(Ok(namespace)) => pod(&namespace, "default"),
                _ => Identity {
                    user: format!("someone-of-{name}"),
                    groups: vec![name.clone(), authenticated],
                },
            }
        }
        Subject::ServiceAccount(namespace, name) => pod(namespace, name.as_str()),
    }
}

async fn reviews(
    desk: &Desk<'_>,
    survey: &Survey,
    identity: &Identity,
) -> Result<Vec<Review>, Failure> {
    let own = Access::new("get", "", "secrets").on(&survey.identity.object_name());
    let others = [
        Access::new("get", "", "secrets").on(&survey.superuser_secret),
        Access::new("list", "", "secrets"),
        Access::new("list", "", "pods"),
        Access::new("create", "", "pods/exec").on(&survey.primary.name),
    ];
    let answered = |access: &Access, allowed: bool, expected: bool| Review {
        user: identity.user.clone(),
        groups: identity.groups.clone(),
        question: access.to_string(),
        allowed,
        expected,
    };
    let denied = others.iter().map(|access| async {
        Ok(answered(
            access,
            review(desk, survey, identity, access).await?,
            false,
        ))
    });
    let denied: Vec<Review> = join_all(denied)
        .await
        .into_iter()
        .collect::<Result<_, Failure>>()?;
    // The authorizer hears of the binding a moment after it was made: this is asked last.
    let allowed = until_allowed(desk, survey, identity, &own).await?;
    Ok([answered(&own, allowed, true)]
        .into_iter()
        .chain(denied)
        .collect())
}

async fn review(
    desk: &Desk<'_>,
    survey: &Survey,
    identity: &Identity,
    access: &Access,
) -> Result<bool, Failure> {
    let namespace = &survey.identity.namespace;
    let verdict = desk.cluster.review(namespace, identity, access).await?;
    Ok(verdict.allowed)
}

async fn until_allowed(
    desk: &Desk<'_>,
    survey: &Survey,
    identity: &Identity,
    access: &Access,
) -> Result<bool, Failure> {
    let begun = Instant::now();
    loop {
        let allowed = review(desk, survey, identity, access).await?;
        if allowed || begun.elapsed() >= PUBLICATION_TIMEOUT {
            return Ok(allowed);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
