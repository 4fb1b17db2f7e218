use std::time::Duration;

use datalab_core::{
    cluster::{Access, Identity},
    report::{Failure, Kind},
    words::{Namespace, Secret, Subject},
};
use futures::future::join_all;
use serde::Serialize;

use super::survey::Survey;
use crate::{
    desk::Desk,
    postgres::{Credential, LoginError, Reach, reach},
};

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

/// What logging in as the new login showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LoginProof {
    /// The password was let in, a wrong one was not.
    Proven,
    /// Any password is let in from inside the pod: loopback is trusted.
    LoopbackTrusted,
    /// The server has no connection left to try with.
    NoConnectionLeft,
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

/// Logs in as the new login, and once with a wrong password.
///
/// # Errors
/// The login is not let in, so the share would be of no use.
pub(crate) async fn prove_login(
    survey: &Survey,
    password: &Secret<String>,
) -> Result<LoginProof, Failure> {
    let credential = |password: Secret<String>| Credential {
        user: survey.login.role.clone(),
        password,
    };
    match survey
        .server
        .login(&credential(password.clone()), &survey.terms.database)
        .await
    {
        Ok(_) => {}
        Err(LoginError::TooManyConnections { .. }) => return Ok(LoginProof::NoConnectionLeft),
        Err(error) => {
            let failure = Failure::from(error);
            let kind = failure.kind();
            return Err(failure
                .with_kind(if kind == Kind::NotFound {
                    Kind::Failed
                } else {
                    kind
                })
                .detail(format!(
                    "the login {} was made, but the server does not let it in",
                    survey.login.role
                )));
        }
    }
    let wrong = Secret::new(format!("{}-wrong", password.expose()));
    match survey
        .server
        .login(&credential(wrong), &survey.terms.database)
        .await
    {
        Ok(_) => Ok(LoginProof::LoopbackTrusted),
        Err(error) if error.is_refused() => Ok(LoginProof::Proven),
        Err(LoginError::TooManyConnections { .. }) => Ok(LoginProof::NoConnectionLeft),
        Err(error) => Err(error.into()),
    }
}

/// Asks the API server and the database what the grantee can do now.
pub(crate) async fn prove(desk: &Desk<'_>, survey: &Survey, login: Option<LoginProof>) -> Proof {
    let mut proof = Proof::default();
    match login {
        Some(login) => proof.login = Some(login),
        None => match prove_login(survey, &survey.password).await {
            Ok(login) => proof.login = Some(login),
            Err(failure) => proof.gaps.push(failure.problem().to_owned()),
        },
    }
    let identities: Vec<Identity> = survey.terms.subjects.iter().map(assumed).collect();
    for answers in join_all(
        identities
            .iter()
            .map(|identity| reviews(desk, survey, identity)),
    )
    .await
    {
        match answers {
            Ok(reviews) => proof.reviews.extend(reviews),
            Err(failure) => proof.gaps.push(failure.problem().to_owned()),
        }
    }
    match ask_reach(survey).await {
        Ok(reach) => proof.reach = Some(reach),
        Err(failure) => proof.gaps.push(failure.problem().to_owned()),
    }
    proof
}

async fn ask_reach(survey: &Survey) -> Result<Reach, Failure> {
    let reach = reach(
        &survey.server,
        &survey.superuser,
        &survey.shared.session,
        &survey.login.role,
        &survey.sql_terms,
    )
    .await?;
    Ok(reach)
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
    let questions = [
        (
            Access::new("get", "", "secrets").on(&survey.identity.object_name()),
            true,
        ),
        (
            Access::new("get", "", "secrets").on(&survey.superuser_secret),
            false,
        ),
        (Access::new("list", "", "secrets"), false),
        (Access::new("list", "", "pods"), false),
        (
            Access::new("create", "", "pods/exec").on(&survey.primary.name),
            false,
        ),
    ];
    let answers = questions.into_iter().map(|(access, expected)| async move {
        let allowed = review(desk, survey, identity, &access, expected).await?;
        Ok(Review {
            user: identity.user.clone(),
            groups: identity.groups.clone(),
            question: access.to_string(),
            allowed,
            expected,
        })
    });
    join_all(answers).await.into_iter().collect()
}

async fn review(
    desk: &Desk<'_>,
    survey: &Survey,
    identity: &Identity,
    access: &Access,
    expected: bool,
) -> Result<bool, Failure> {
    let mut waited = Duration::ZERO;
    loop {
        let verdict = desk
            .cluster
            .review(&survey.identity.namespace, identity, access)
            .await?;
        if verdict.allowed || !expected || waited >= PUBLICATION_TIMEOUT {
            return Ok(verdict.allowed);
        }
        tokio::time::sleep(PAUSE).await;
        waited += PAUSE;
    }
}
