use datalab_core::report::{Findings, Kind, Outcome};
use serde::Serialize;

/// All that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    pub(super) findings: Findings,
}

impl Diagnosis {
    /// Failed, if something is wrong.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.findings.kind()
    }
}

impl Outcome for Diagnosis {
    const KIND: &'static str = "OidcLoginDiagnosis";

    fn text(&self, _wide: bool) -> String {
        self.findings.text()
    }

    fn names(&self) -> Vec<String> {
        self.findings.names()
    }
}
