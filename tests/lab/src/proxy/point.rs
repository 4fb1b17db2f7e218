use std::fmt;

/// One thing that a program asked of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its place among all points of a run; the first is 1. What runs at once may change places.
    pub number: usize,
    /// `GET /api/v1/namespaces/user-me/services`, `sql postgres: SELECT …` with the first words of the
    /// statement and never a password, or `login postgres to defaultdb`.
    pub name: String,
    /// How many of this name there were, this one included.
    pub occurrence: usize,
}

impl Point {
    /// Whether it is the same thing in another run.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.occurrence == other.occurrence
    }

    /// Whether it is inside a port-forward.
    #[must_use]
    pub fn is_sql(&self) -> bool {
        self.name.starts_with("sql ") || self.name.starts_with("login ")
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (no. {} of its name)", self.name, self.occurrence)
    }
}
