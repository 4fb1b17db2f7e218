use serde::Serialize;

use super::{Kind, printable};

/// What a look at one thing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
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

/// One thing that a diagnosis looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The thing.
    pub about: &'static str,
    /// What the look came to.
    pub verdict: Verdict,
    /// What was seen.
    pub says: String,
    /// A command to go on with, or whom to ask for what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Finding {
    /// A finding with nothing to go on with.
    pub fn new(about: &'static str, verdict: Verdict, says: impl Into<String>) -> Self {
        Self {
            about,
            verdict,
            says: says.into(),
            next: None,
        }
    }

    /// The same with a command to go on with.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// All that a diagnosis looked at, in its order.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Failed, if something is wrong.
    pub fn kind(&self) -> Option<Kind> {
        let mut findings = self.0.iter();
        findings
            .any(|finding| finding.verdict == Verdict::Wrong)
            .then_some(Kind::Failed)
    }

    /// A line each, and then what to go on with.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for finding in &self.0 {
            lines.push(format!(
                "{:<8}{:<11}{}",
                finding.verdict.word(),
                finding.about,
                printable(&finding.says)
            ));
        }
        for finding in &self.0 {
            if let Some(next) = &finding.next {
                lines.push(format!("next: {}", printable(next)));
            }
        }
        lines.join("\n")
    }

    /// The `finding/…` lines of `-o name`.
    pub fn names(&self) -> Vec<String> {
        let findings = self.0.iter();
        findings
            .map(|finding| format!("finding/{}", finding.about))
            .collect()
    }
}
