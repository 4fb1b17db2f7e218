//! A text file of another tool, of which some sections are ours: all else stays byte for byte.

use super::{
    block::Block,
    syntax::{BYTE_ORDER_MARK, Syntax},
};

/// A file in sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    syntax: Syntax,
    parts: Vec<Part>,
    /// How its lines end.
    line_end: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Theirs(Vec<u8>),
    Ours(Block),
}

/// A section that is there, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) is_ours: bool,
    /// Whether one of theirs is put aside for it.
    pub(super) has_displaced: bool,
    /// Its lines, without their ends.
    pub(super) lines: Vec<String>,
}

impl Document {
    pub(super) fn parse(content: &[u8], syntax: Syntax) -> Self {
        let line_end = match content.iter().position(|byte| *byte == b'\n') {
            Some(end) if content[..end].ends_with(b"\r") => "\r\n",
            _ => "\n",
        };
        let (mark, content) = match content.strip_prefix(BYTE_ORDER_MARK) {
            Some(content) => (BYTE_ORDER_MARK, content),
            None => (&[][..], content),
        };
        let mut parts = Vec::new();
        let mut theirs = mark.to_vec();
        let mut lines: &[&[u8]] = &content
            .split_inclusive(|byte| *byte == b'\n')
            .collect::<Vec<_>>();
        while let Some((first, rest)) = lines.split_first() {
            let Some((mut block, length)) = syntax.block(lines) else {
                theirs.extend_from_slice(first);
                lines = rest;
                continue;
            };
            block.has_gap = block.displaced.is_empty() && take_gap(&mut theirs);
            if !theirs.is_empty() {
                parts.push(Part::Theirs(std::mem::take(&mut theirs)));
            }
            parts.push(Part::Ours(block));
            lines = &lines[length..];
        }
        if !theirs.is_empty() {
            parts.push(Part::Theirs(theirs));
        }
        Self {
            syntax,
            parts,
            line_end,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in &self.parts {
            match part {
                Part::Theirs(text) => bytes.extend_from_slice(text),
                Part::Ours(block) => block.write(&mut bytes, self.syntax, self.line_end),
            }
        }
        bytes
    }

    /// The section of that name.
    pub(super) fn find(&self, name: &str) -> Option<Found> {
        self.parts.iter().find_map(|part| match part {
            Part::Ours(block) => block.is(self.syntax, name).then(|| Found {
                is_ours: true,
                has_displaced: !block.displaced.is_empty(),
                lines: readable(block.lines.iter().map(Vec::as_slice)),
            }),
            Part::Theirs(text) => {
                let (_, section, _) = self.syntax.split(text, name)?;
                Some(Found {
                    is_ours: false,
                    has_displaced: false,
                    lines: readable(section.split_inclusive(|byte| *byte == b'\n')),
                })
            }
        })
    }

    /// The names of all sections of ours.
    pub(super) fn ours(&self) -> Vec<String> {
        let blocks = self.parts.iter().filter_map(|part| match part {
            Part::Ours(block) => block.lines.first(),
            Part::Theirs(_) => None,
        });
        blocks
            .filter_map(|line| self.syntax.name_in(line))
            .collect()
    }

    /// Their lines, in any section, that set one of these keys.
    pub(super) fn lines_with(&self, keys: &[&str]) -> Vec<String> {
        let theirs = self.parts.iter().filter_map(|part| match part {
            Part::Theirs(text) => Some(readable(text.split_inclusive(|byte| *byte == b'\n'))),
            Part::Ours(_) => None,
        });
        theirs
            .flatten()
            .filter(|line| {
                let key = line.split('=').next().unwrap_or_default().trim();
                keys.contains(&key)
            })
            .collect()
    }

    /// Lines of a section of ours that somebody else has put there: keys that we do not write.
    pub(super) fn added_by_others(&self, name: &str, own: &[&str]) -> Vec<String> {
        let block = self.parts.iter().find_map(|part| match part {
            Part::Ours(block) if block.is(self.syntax, name) => Some(block),
            _ => None,
        });
        let lines = block.map(|block| block.added_by_others(self.syntax, own));
        readable(lines.unwrap_or_default().iter().map(Vec::as_slice))
    }

    /// Puts a section of ours there, its name in brackets on the first of its lines: in the place of
    /// the one of that name, else at the end. What others have put into ours stays; one that is not
    /// ours is put aside until ours goes. `command` is the one that takes it out again.
    pub(super) fn put(&mut self, name: &str, lines: &[String], own: &[&str], command: &str) {
        let lines = lines.iter().enumerate();
        let mut lines: Vec<Vec<u8>> = lines
            .map(|(index, line)| {
                let begin = if index == 0 {
                    self.syntax.comment_of_name()
                } else {
                    ""
                };
                format!("{begin}{line}{}", self.line_end).into_bytes()
            })
            .collect();
        let hint = format!("; to be rid of it: {command}").into_bytes();
        for part in &mut self.parts {
            if let Part::Ours(block) = part
                && block.is(self.syntax, name)
            {
                lines.extend(block.added_by_others(self.syntax, own));
                block.lines = lines;
                block.hint = hint;
                return;
            }
        }
        let place = self.parts.iter().enumerate().find_map(|(index, part)| {
            let Part::Theirs(text) = part else {
                return None;
            };
            let (before, section, after) = self.syntax.split(text, name)?;
            Some((index, before.to_vec(), section.to_vec(), after.to_vec()))
        });
        let Some((index, before, found, after)) = place else {
            return self.append(lines, hint);
        };
        let mut displaced: Vec<Vec<u8>> = found
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        let ended = end(displaced.last_mut(), self.line_end);
        let block = Part::Ours(Block {
            has_gap: false,
            ended,
            hint,
            displaced,
            lines,
        });
        let parts = [Part::Theirs(before), block, Part::Theirs(after)];
        let parts = parts
            .into_iter()
            .filter(|part| *part != Part::Theirs(Vec::new()));
        self.parts.splice(index..=index, parts);
    }

    fn append(&mut self, lines: Vec<Vec<u8>>, hint: Vec<u8>) {
        let (has_gap, ended) = match self.parts.last_mut() {
            None => (false, false),
            Some(Part::Theirs(text)) if text == BYTE_ORDER_MARK => (false, false),
            Some(Part::Theirs(text)) => (true, end(Some(text), self.line_end)),
            Some(Part::Ours(block)) => {
                // An editor may have cut the last end off; that is no part of theirs.
                end(block.lines.last_mut(), self.line_end);
                (true, false)
            }
        };
        self.parts.push(Part::Ours(Block {
            has_gap,
            ended,
            hint,
            displaced: Vec::new(),
            lines,
        }));
    }

    /// Takes a section of ours out, and puts back what was there before it.
    pub(super) fn remove(&mut self, name: &str) {
        let Some(index) = self
            .parts
            .iter()
            .position(|part| matches!(part, Part::Ours(block) if block.is(self.syntax, name)))
        else {
            return;
        };
        let Part::Ours(block) = self.parts.remove(index) else {
            return;
        };
        // What was added for our sake goes with us, or on to our next section.
        if let Some(Part::Ours(next)) = self.parts.get_mut(index) {
            next.ended |= block.ended;
            next.has_gap &= block.has_gap || !block.displaced.is_empty();
        }
        let is_last = index == self.parts.len();
        if !block.displaced.is_empty() {
            let displaced = block.displaced.concat();
            self.parts.insert(index, Part::Theirs(displaced));
        }
        match self.parts.last_mut() {
            Some(Part::Theirs(text)) if is_last && block.ended => unend(text),
            // It has put aside what was above us.
            Some(Part::Ours(above)) if is_last => above.ended |= block.ended,
            _ => {}
        }
        self.join();
    }

    /// Neighbours that are theirs become one again.
    fn join(&mut self) {
        let mut joined: Vec<Part> = Vec::with_capacity(self.parts.len());
        for part in self.parts.drain(..) {
            match (joined.last_mut(), part) {
                (Some(Part::Theirs(text)), Part::Theirs(next)) => text.extend(next),
                (_, part) => joined.push(part),
            }
        }
        self.parts = joined;
    }
}

/// Takes an empty line from the end of a text, if there is one.
fn take_gap(text: &mut Vec<u8>) -> bool {
    let last = text.split_inclusive(|byte| *byte == b'\n').next_back();
    match last {
        Some(line @ (b"\n" | b"\r\n")) => {
            let length = line.len();
            text.truncate(text.len() - length);
            true
        }
        _ => false,
    }
}

/// Gives a line an end if it has none; whether that was so.
fn end(line: Option<&mut Vec<u8>>, line_end: &str) -> bool {
    match line {
        Some(line) if !line.ends_with(b"\n") => {
            line.extend_from_slice(line_end.as_bytes());
            true
        }
        _ => false,
    }
}

/// Takes the end of the last line off again.
fn unend(text: &mut Vec<u8>) {
    for end in [&b"\r\n"[..], b"\n"] {
        if text.ends_with(end) {
            return text.truncate(text.len() - end.len());
        }
    }
}

fn readable<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    lines
        .map(|line| {
            let text = String::from_utf8_lossy(line);
            text.trim_end_matches(['\n', '\r']).to_owned()
        })
        .collect()
}
