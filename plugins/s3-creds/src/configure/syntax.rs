//! How the sections of a file are told apart, and which of them are ours.

use super::block::Block;

/// How the first line of a section of ours begins, a comment; the section is ours as long as it is
/// there. Tools that write such files keep comments with the key below them, and put new keys at a
/// section's end: right above the next name.
pub(super) const MARK: &str = "Written by kubectl datalab s3-creds";

/// Follows the mark where the line above the section had no end, and has one for our sake.
pub(super) const ENDED: &str = " after a line without an end";

/// Begins a line of a section that was there before, and comes back when ours goes.
pub(super) const DISPLACED: &[u8] = b"#~ ";

/// Three bytes at the beginning of a file that say it is UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How many lines a section of statements has: its name, where output goes, the statements.
const SQL_LINES: usize = 3;

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Sections of keys and values, each with its name in brackets.
    Ini,
    /// Statements. A section of ours is a comment with its name, and two lines below it.
    Sql,
}

impl Syntax {
    pub(super) fn comment(self) -> &'static str {
        match self {
            Self::Ini => "# ",
            Self::Sql => "-- ",
        }
    }

    /// What stands before a section's name.
    pub(super) fn comment_of_name(self) -> &'static str {
        match self {
            Self::Ini => "",
            Self::Sql => "-- ",
        }
    }

    /// The block of ours that these lines begin with, and how many of them it has.
    pub(super) fn block(self, lines: &[&[u8]]) -> Option<(Block, usize)> {
        let (name, rest) = lines.split_first()?;
        self.name_in(name)?;
        let marked = rest.first()?.strip_prefix(self.comment().as_bytes())?;
        let marked = marked.strip_prefix(MARK.as_bytes())?;
        let (ended, hint) = match marked.strip_prefix(ENDED.as_bytes()) {
            Some(hint) => (true, hint),
            None => (false, marked),
        };
        let displaced: Vec<Vec<u8>> = rest[1..]
            .iter()
            .map_while(|line| line.strip_prefix(DISPLACED))
            .map(<[u8]>::to_vec)
            .collect();
        // The last comment of ours stands for the name, whose section the next lines are.
        let comments = 1 + displaced.len();
        let rest = &rest[comments - 1..];
        let keys = &rest[1..self.section_length(rest)];
        let lines = std::iter::once(name).chain(keys);
        let block = Block {
            has_gap: false,
            ended,
            hint: hint.trim_ascii_end().to_vec(),
            displaced,
            lines: lines.map(|line| line.to_vec()).collect(),
        };
        Some((block, 1 + comments + keys.len()))
    }

    /// How many lines a section has, its name among them: to its last one that says something.
    fn section_length(self, lines: &[&[u8]]) -> usize {
        if self == Self::Sql {
            return lines.len().min(SQL_LINES);
        }
        let mut length = 1;
        for (index, line) in lines.iter().enumerate().skip(1) {
            if self.name_in(line).is_some() {
                break;
            }
            let text = line.trim_ascii();
            if !text.is_empty() && !text.starts_with(b"#") && !text.starts_with(b";") {
                length = index + 1;
            }
        }
        length
    }

    /// The name of a section, from its first line.
    pub(super) fn name_in(self, line: &[u8]) -> Option<String> {
        let line = line.strip_prefix(self.comment_of_name().as_bytes())?;
        let rest = line.strip_prefix(b"[")?;
        let end = rest.iter().rposition(|byte| *byte == b']')?;
        Some(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    /// What is before a section, the section, and what is after it.
    pub(super) fn split<'a>(
        self,
        text: &'a [u8],
        name: &str,
    ) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
        let mark = match text.starts_with(BYTE_ORDER_MARK) {
            true => BYTE_ORDER_MARK.len(),
            false => 0,
        };
        let lines: Vec<&[u8]> = text[mark..]
            .split_inclusive(|byte| *byte == b'\n')
            .collect();
        let start = lines.iter().position(|line| {
            self.name_in(line)
                .is_some_and(|found| same_name(&found, name))
        })?;
        let length = |lines: &[&[u8]]| lines.iter().map(|line| line.len()).sum::<usize>();
        let begin = mark + length(&lines[..start]);
        let section = length(&lines[start..start + self.section_length(&lines[start..])]);
        Some((
            &text[..begin],
            &text[begin..begin + section],
            &text[begin + section..],
        ))
    }
}

/// Whether two names mean the same section: quotes and blanks around words mean nothing, and AWS'
/// own profile has two names.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    let words = |name: &str| {
        let words = name.split_whitespace();
        let words: Vec<String> = words
            .map(|word| word.trim_matches(['"', '\'']).to_owned())
            .collect();
        match words.as_slice() {
            [profile, name] if profile == "profile" && name == "default" => vec![name.clone()],
            _ => words,
        }
    };
    words(one) == words(other)
}
