use postgres_protocol::escape;

use super::Verifier;

/// One SQL statement, and how it may be shown.
///
/// Utility statements take no parameters, so names are quoted into the text, by PostgreSQL's own
/// rules. A verifier is enough to play the server towards a client: it is never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    text: String,
    shown: String,
    waits_for_commit: bool,
}

impl Statement {
    /// A statement that may be shown as it is.
    pub(crate) fn open(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            shown: text.clone(),
            text,
            waits_for_commit: false,
        }
    }

    /// A statement whose effect no rollback takes back, and that means what was committed before
    /// it: cutting sessions, say.
    pub(crate) fn after_commit(text: impl Into<String>) -> Self {
        Self {
            waits_for_commit: true,
            ..Self::open(text)
        }
    }

    /// A statement that ends with a password verifier.
    pub(crate) fn with_verifier(beginning: &str, verifier: &Verifier) -> Self {
        Self {
            text: format!("{beginning} PASSWORD {}", literal(&verifier.to_string())),
            shown: format!("{beginning} PASSWORD '***'"),
            waits_for_commit: false,
        }
    }

    /// The text for the server.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text for people.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether it has to stand outside of the transaction, behind it.
    pub(crate) fn waits_for_commit(&self) -> bool {
        self.waits_for_commit
    }

    /// Whether the text for the server must not be seen, in its log either.
    pub(crate) fn is_secret(&self) -> bool {
        self.text != self.shown
    }
}

/// A name as an SQL identifier, always quoted.
pub(crate) fn identifier(name: &str) -> String {
    escape::escape_identifier(name)
}

/// A text as an SQL literal.
pub(crate) fn literal(text: &str) -> String {
    escape::escape_literal(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_names() {
        assert_eq!(
            identifier("a\"; drop table x; --"),
            "\"a\"\"; drop table x; --\""
        );
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), " E'a\\\\''b'");
    }

    #[test]
    fn a_verifier_is_not_shown() {
        let statement = Statement::with_verifier("ALTER ROLE \"x\"", &Verifier::of("p", [0; 16]));
        assert!(statement.is_secret() && statement.text().contains("SCRAM-SHA-256$"));
        assert_eq!(statement.shown(), "ALTER ROLE \"x\" PASSWORD '***'");
    }
}
