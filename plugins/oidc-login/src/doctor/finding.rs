use datalab_core::report::{Kind, Outcome, printable};
use serde::Serialize;

/// What a look at one thing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// Cannot be seen from here.
    Unknown,
    /// Odd, and not the reason by itself.
    Odd,
    /// This is wrong.
    Wrong,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unseen",
            Self::Odd => "odd",
            Self::Wrong => "WRONG",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    pub(super) about: &'static str,
    pub(super) verdict: Verdict,
    pub(super) says: String,
    /// A command to go on with, or whom to ask for what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

impl Finding {
    pub(super) fn new(about: &'static str, verdict: Verdict, says: impl Into<String>) -> Self {
        Self {
            about,
            verdict,
            says: says.into(),
            next: None,
        }
    }

    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// All that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    pub(super) findings: Vec<Finding>,
}

impl Diagnosis {
    /// Failed, if something is wrong.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.findings
            .iter()
            .any(|finding| finding.verdict == Verdict::Wrong)
            .then_some(Kind::Failed)
    }
}

impl Outcome for Diagnosis {
    const KIND: &'static str = "OidcLoginDiagnosis";

    fn text(&self, _wide: bool) -> String {
        let mut lines = Vec::new();
        for finding in &self.findings {
            lines.push(format!(
                "{:<8}{:<11}{}",
                finding.verdict.word(),
                finding.about,
                printable(&finding.says)
            ));
        }
        for finding in &self.findings {
            if let Some(next) = &finding.next {
                lines.push(format!("next: {}", printable(next)));
            }
        }
        lines.join("\n")
    }

    fn names(&self) -> Vec<String> {
        self.findings
            .iter()
            .map(|finding| format!("finding/{}", finding.about))
            .collect()
    }
}
