use std::time::Duration;

use datalab_core::{
    cluster::{Access, Identity},
    report::Failure,
    words::{Namespace, Subject},
};
use futures::future::try_join_all;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    sql_proof::{LoginProof, SqlProof, prove_in_database},
    survey::Survey,
};
use crate::{desk::Desk, postgres::Reach};

/// How long a fresh RoleBinding may take to count: the authorizer watches, it is not told.
const PUBLICATION_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait before asking again for the first time; twice as long each time after.
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
    let mut proof = Proof {
        gaps: survey.certificate_gap.iter().cloned().collect(),
        ..Proof::default()
    };
    let in_database = async {
        match asked {
            Some(asked) => asked,
            None => prove_in_database(survey).await,
        }
    };
    let (SqlProof { login, reach }, reviews) =
        futures::join!(in_database, review_all(desk, survey));
    match login {
        Ok(login) => proof.login = Some(login),
        Err(failure) => proof.gaps.push(failure.problem().to_owned()),
    }
    match reviews {
        Ok(reviews) => proof.reviews = reviews,
        Err(failure) => proof.gaps.push(failure.problem().to_owned()),
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

/// Asks the API server what each of the subjects may do.
async fn review_all(desk: &Desk<'_>, survey: &Survey) -> Result<Vec<Review>, Failure> {
    let identities: Vec<Identity> = survey.terms.subjects.iter().map(assumed).collect();
    let others = [
        Access::new("get", "", "secrets").on(&survey.superuser_secret),
        Access::new("list", "", "secrets"),
        Access::new("list", "", "pods"),
        Access::new("create", "", "pods/exec").on(&survey.primary.name),
    ];
    let denied = identities.iter().map(|identity| {
        try_join_all(
            others
                .iter()
                .map(|access| review(desk, survey, identity, access, false)),
        )
    });
    let denied = try_join_all(denied).await?;
    // The authorizer hears of the binding a moment after it was made, and then for all: the share's
    // own Secret is asked for last, and by one after the other.
    let own = Access::new("get", "", "secrets").on(&survey.identity.object_name());
    let begun = Instant::now();
    let mut all = Vec::new();
    for (identity, denied) in identities.iter().zip(denied) {
        let mut pause = PAUSE;
        let mut answer = review(desk, survey, identity, &own, true).await?;
        while !answer.allowed && begun.elapsed() < PUBLICATION_TIMEOUT {
            tokio::time::sleep(pause).await;
            pause *= 2;
            answer = review(desk, survey, identity, &own, true).await?;
        }
        all.push(answer);
        all.extend(denied);
    }
    Ok(all)
}

async fn review(
    desk: &Desk<'_>,
    survey: &Survey,
    identity: &Identity,
    access: &Access,
    expected: bool,
) -> Result<Review, Failure> {
    let namespace = &survey.identity.namespace;
    let verdict = desk.cluster.review(namespace, identity, access).await?;
    Ok(Review {
        user: identity.user.clone(),
        groups: identity.groups.clone(),
        question: access.to_string(),
        allowed: verdict.allowed,
        expected,
    })
}
