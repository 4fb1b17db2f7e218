//! From what went wrong to what a person reads: kind, hints, exit code.

use datalab_core::report::{Failure, Kind};

use crate::postgres::{ConvergeError, LockError, LoginError, ReachError, SqlError, WithdrawError};

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let kind = match error {
            LoginError::Forward(inner) => return inner.into(),
            LoginError::Refused { .. } => Kind::Refused,
            LoginError::NoDatabase { .. } => Kind::NotFound,
            LoginError::Tls { .. } => Kind::Failed,
            LoginError::TooManyConnections { .. }
            | LoginError::NotReady { .. }
            | LoginError::TimedOut
            | LoginError::Broken { .. } => Kind::Unreachable,
        };
        let is_full = matches!(error, LoginError::TooManyConnections { .. });
        let failure = Self::new(kind, "cannot log in to the database").caused_by(&error);
        if is_full {
            failure.next("the same command again, once a session of the server has ended")
        } else {
            failure
        }
    }
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        let (kind, problem) = if error.is_lost() {
            let problem = "whether the database carried out a statement is not known";
            (Kind::Unreachable, problem)
        } else {
            (Kind::Failed, "the database did not carry out a statement")
        };
        Self::new(kind, problem)
            .caused_by(&error)
            .detail(format!("statement: {}", error.statement))
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Busy => {
                Self::new(Kind::Conflict, error.to_string()).next("the same command again")
            }
            LockError::Login(error) => error.into(),
            LockError::Sql(error) => error.into(),
        }
    }
}

impl From<ConvergeError> for Failure {
    fn from(error: ConvergeError) -> Self {
        match error {
            ConvergeError::Login(error) => error.into(),
            ConvergeError::Sql(error) => error.into(),
        }
    }
}

impl From<ReachError> for Failure {
    fn from(error: ReachError) -> Self {
        match error {
            ReachError::TimedOut => Self::new(Kind::Unreachable, error.to_string()),
            ReachError::Login(error) => error.into(),
            ReachError::Sql(error) => error.into(),
        }
    }
}

impl From<WithdrawError> for Failure {
    fn from(error: WithdrawError) -> Self {
        match error {
            WithdrawError::Login(error) => error.into(),
            WithdrawError::Sql(error) => error.into(),
            WithdrawError::NoHeir(_) => Self::new(Kind::Usage, error.to_string()),
        }
    }
}
