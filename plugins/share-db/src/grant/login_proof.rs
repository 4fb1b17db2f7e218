use datalab_core::{
    report::{Failure, Kind},
    words::Secret,
};
use serde::Serialize;

use super::survey::Survey;
use crate::postgres::{Credential, LoginError};

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
