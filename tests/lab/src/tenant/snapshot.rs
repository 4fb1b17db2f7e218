//! A state as sorted lines, to compare before and after.

use std::collections::BTreeSet;
use std::fmt;

/// What there is, a line per fact, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeSet<String>);

impl Snapshot {
    pub(super) fn of(lines: impl IntoIterator<Item = String>) -> Self {
        Self(lines.into_iter().filter(|line| !line.is_empty()).collect())
    }

    /// The facts, in order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What went (`- `) and came (`+ `) between this snapshot and a later one.
    #[must_use]
    pub fn changes(&self, after: &Self) -> Vec<String> {
        let gone = self.0.difference(&after.0).map(|line| format!("- {line}"));
        let new = after.0.difference(&self.0).map(|line| format!("+ {line}"));
        gone.chain(new).collect()
    }

    /// Asserts that the later snapshot is the same, and prints the difference otherwise.
    #[track_caller]
    pub fn assert_unchanged(&self, after: &Self) {
        let changes = self.changes(after);
        assert!(
            changes.is_empty(),
            "all should be as before, but:\n{}",
            changes.join("\n")
        );
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Snapshot;

    fn of(lines: &[&str]) -> Snapshot {
        Snapshot::of(lines.iter().map(|line| (*line).to_owned()))
    }

    #[test]
    fn order_does_not_matter_and_changes_are_named() {
        of(&["b", "a"]).assert_unchanged(&of(&["a", "b"]));
        assert_eq!(of(&["a", "b"]).changes(&of(&["b", "c"])), ["- a", "+ c"]);
    }

    #[test]
    #[should_panic(expected = "- a\n+ c")]
    fn a_difference_is_printed() {
        of(&["a", "b"]).assert_unchanged(&of(&["b", "c"]));
    }
}
