use datalab_core::report::{Failure, Kind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A refusal, for those who waited for the process that it was said to: they need not see for
/// themselves, one after the other.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failed {
    /// After those who have it began.
    pub(super) at: Timestamp,
    code: u8,
    problem: String,
}

impl Failed {
    pub(super) fn new(failure: &Failure, at: Timestamp) -> Self {
        Self {
            at,
            code: failure.kind().exit_code(),
            problem: failure.problem().to_owned(),
        }
    }

    pub(super) fn into_failure(self) -> Failure {
        let kind = [
            Kind::Usage,
            Kind::NotFound,
            Kind::Refused,
            Kind::Unreachable,
        ]
        .into_iter()
        .find(|kind| kind.exit_code() == self.code)
        .unwrap_or(Kind::Failed);
        Failure::new(kind, self.problem)
            .detail("another process has just been told so; it has the whole story")
            .state("no keys were given")
    }
}
