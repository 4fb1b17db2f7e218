use datalab_core::{
    report::{Failure, Kind},
    words::Secret,
};
use serde::Serialize;

use super::survey::Survey;
use crate::postgres::{Credential, Entrances, LoginError, Reach, reach};

/// The logins of a proof: with the password, and with a wrong one.
const PROOF_LOGINS: usize = 2;

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

/// What the database shows of a share.
pub(crate) struct SqlProof {
    /// The failure is that the login is not let in, so that the share would be of no use.
    pub(crate) login: Result<LoginProof, Failure>,
    pub(crate) reach: Result<Reach, Failure>,
}

/// Logs in as the new login, and looks into every database that it can enter.
pub(crate) async fn prove_in_database(survey: &Survey) -> SqlProof {
    let Survey {
        superuser, login, ..
    } = survey;
    let entrances = Entrances::of(&survey.shared.session, &login.role).await;
    let looks = entrances
        .as_ref()
        .map_or(0, |entrances| entrances.logins(superuser));
    superuser.server.expect_logins(PROOF_LOGINS + looks).await;
    let reached = async {
        let terms = &survey.sql_terms;
        Ok(reach(superuser, entrances?, &login.role, terms).await?)
    };
    let (login, reach) = futures::join!(prove_login(survey), reached);
    SqlProof { login, reach }
}

/// Logs in as the new login, and once with a wrong password.
async fn prove_login(survey: &Survey) -> Result<LoginProof, Failure> {
    let password = &survey.password;
    let credential = |password: Secret<String>| Credential {
        user: survey.login.role.clone(),
        password,
    };
    match survey
        .superuser
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
        .superuser
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
