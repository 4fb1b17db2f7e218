use super::syntax::{DISPLACED, ENDED, MARK, Syntax, same_name};

/// A section of ours, and what is about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Whether an empty line before it is ours too.
    pub(super) has_gap: bool,
    /// Whether the line before it had no end.
    pub(super) ended: bool,
    /// The rest of the line with the mark: for people, how to be rid of the section.
    pub(super) hint: Vec<u8>,
    /// The section it takes the place of, line by line, with its line ends.
    pub(super) displaced: Vec<Vec<u8>>,
    /// The section, its name first, line by line, with its line ends.
    pub(super) lines: Vec<Vec<u8>>,
}

impl Block {
    /// Whether it is the section of that name.
    pub(super) fn is(&self, syntax: Syntax, name: &str) -> bool {
        let own = self.lines.first().and_then(|line| syntax.name_in(line));
        own.is_some_and(|own| same_name(&own, name))
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>, syntax: Syntax, line_end: &str) {
        if self.has_gap {
            bytes.extend_from_slice(line_end.as_bytes());
        }
        let (name, keys) = match self.lines.split_first() {
            Some((name, keys)) => (&**name, keys),
            None => (&[][..], &[][..]),
        };
        bytes.extend_from_slice(name);
        let ended = if self.ended { ENDED } else { "" };
        bytes.extend_from_slice(format!("{}{MARK}{ended}", syntax.comment()).as_bytes());
        bytes.extend_from_slice(&self.hint);
        bytes.extend_from_slice(line_end.as_bytes());
        for line in &self.displaced {
            bytes.extend_from_slice(DISPLACED);
            bytes.extend_from_slice(line);
        }
        bytes.extend_from_slice(&keys.concat());
    }

    /// The lines of it that somebody else has put there: keys that we do not write.
    pub(super) fn added_by_others(&self, syntax: Syntax, own: &[&str]) -> Vec<Vec<u8>> {
        // A statement is one line, and ours.
        if syntax == Syntax::Sql {
            return Vec::new();
        }
        let mut is_ours = true;
        let mut others = Vec::new();
        for line in self.lines.iter().skip(1) {
            // An indented line belongs to the key above it.
            if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                let text = String::from_utf8_lossy(line);
                let key = text.split(['=', ':']).next().unwrap_or_default().trim();
                is_ours = own.contains(&key) || key.is_empty();
            }
            if !is_ours {
                others.push(line.clone());
            }
        }
        others
    }
}
