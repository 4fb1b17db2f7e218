//! The messages of PostgreSQL's protocol, as far as they show where a statement begins and ends.

use std::collections::HashMap;

/// In place of a version: may we use TLS? Answered by one byte.
const SSL_REQUEST: i32 = 80_877_103;

/// In place of a version: end what another connection does. Not answered.
const CANCEL_REQUEST: i32 = 80_877_102;

/// So much of a statement is in its name.
const NAME: usize = 90;

/// What a client says until it waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) bytes: Vec<u8>,
    /// Of a login or of a statement that is executed; preparing and closing one changes nothing.
    pub(super) name: Option<String>,
    pub(super) answer: Answer,
}

/// What ends the server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is none.
    None,
    /// The byte that says whether TLS is had.
    Negotiation,
    /// A question about the password, a refusal, or readiness.
    Authentication,
    /// Readiness for the next statement.
    Ready,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Startup,
    Messages,
    /// TLS.
    Encrypted,
}

/// What a client says.
#[derive(Debug, Default)]
pub(super) struct Frontend {
    phase: Phase,
    buffer: Vec<u8>,
    /// What is not yet a whole unit.
    unit: Vec<u8>,
    database: String,
    statements: HashMap<Vec<u8>, String>,
    /// The statement that the unit binds, and whether it executes it.
    bound: Option<String>,
    executes: bool,
}

impl Frontend {
    /// Takes bytes in and hands out the units that are whole by now.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Unit> {
        self.buffer.extend_from_slice(bytes);
        let mut units = Vec::new();
        loop {
            match self.phase {
                Phase::Encrypted => {
                    if !self.buffer.is_empty() {
                        units.push(Unit {
                            bytes: std::mem::take(&mut self.buffer),
                            name: None,
                            answer: Answer::None,
                        });
                    }
                    return units;
                }
                Phase::Startup => {
                    let Some(message) = whole(&mut self.buffer, 0) else {
                        return units;
                    };
                    units.push(self.startup(&message));
                }
                Phase::Messages => {
                    let Some(message) = whole(&mut self.buffer, 1) else {
                        return units;
                    };
                    units.extend(self.message(&message));
                }
            }
        }
    }

    /// From here on nothing can be read.
    pub(super) fn is_encrypted(&mut self) {
        self.phase = Phase::Encrypted;
    }

    fn startup(&mut self, message: &[u8]) -> Unit {
        let unit = |name, answer| Unit {
            bytes: message.to_owned(),
            name,
            answer,
        };
        match number(&message[4..]) {
            SSL_REQUEST => unit(None, Answer::Negotiation),
            CANCEL_REQUEST => unit(None, Answer::None),
            _ => {
                self.phase = Phase::Messages;
                let words: Vec<String> = message
                    .get(8..)
                    .unwrap_or_default()
                    .split(|byte| *byte == 0)
                    .map(text)
                    .collect();
                let value = |key: &str| {
                    let pairs = words.chunks_exact(2);
                    let mut found = pairs.filter(|pair| pair[0] == key);
                    found.next().map(|pair| pair[1].clone()).unwrap_or_default()
                };
                self.database = value("database");
                let name = format!("login {} to {}", value("user"), self.database);
                unit(Some(name), Answer::Authentication)
            }
        }
    }

    fn message(&mut self, message: &[u8]) -> Option<Unit> {
        self.unit.extend_from_slice(message);
        let body = &message[5..];
        let mut parts = body.split(|byte| *byte == 0);
        let mut part = || parts.next().unwrap_or_default();
        let answer = match message[0] {
            b'P' => {
                let (name, query) = (part().to_vec(), text(part()));
                self.statements.insert(name, query);
                return None;
            }
            b'B' => {
                let (_portal, name) = (part(), part());
                self.bound = self.statements.get(name).cloned();
                return None;
            }
            b'E' => {
                self.executes = true;
                return None;
            }
            b'Q' => {
                (self.bound, self.executes) = (Some(text(part())), true);
                Answer::Ready
            }
            b'S' => Answer::Ready,
            b'p' => Answer::Authentication,
            b'X' => Answer::None,
            // Describe, Close and the like belong to what comes before the next Sync.
            _ => return None,
        };
        let bound = self.bound.take();
        let name = bound
            .filter(|_| std::mem::take(&mut self.executes))
            .map(|statement| format!("sql {}: {}", self.database, first_words(&statement)));
        Some(Unit {
            bytes: std::mem::take(&mut self.unit),
            name,
            answer,
        })
    }
}

/// What a server says.
#[derive(Debug, Default)]
pub(super) struct Backend {
    buffer: Vec<u8>,
    encrypted: bool,
}

impl Backend {
    /// Takes bytes in; whether the answer that is awaited has come whole.
    pub(super) fn take(&mut self, bytes: &[u8], awaited: Answer) -> bool {
        if self.encrypted {
            return false;
        }
        if awaited == Answer::Negotiation {
            self.encrypted = bytes.first() == Some(&b'S');
            return !bytes.is_empty();
        }
        self.buffer.extend_from_slice(bytes);
        let mut is_answered = false;
        while let Some(message) = whole(&mut self.buffer, 1) {
            is_answered |= match (awaited, message[0]) {
                (Answer::Authentication | Answer::Ready, b'Z') => true,
                (Answer::Authentication, b'E') => true,
                // 0 is "let in" and 12 the end of SASL: more follows without being asked.
                (Answer::Authentication, b'R') => !matches!(number(&message[5..]), 0 | 12),
                _ => false,
            };
        }
        is_answered
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }
}

/// Takes one message off, whose length, itself included, stands after `before` bytes.
fn whole(buffer: &mut Vec<u8>, before: usize) -> Option<Vec<u8>> {
    let length = buffer.get(before..before + 4)?;
    let end = before + usize::try_from(number(length)).unwrap_or(4).max(4);
    (buffer.len() >= end).then(|| buffer.drain(..end).collect())
}

fn number(bytes: &[u8]) -> i32 {
    let four = bytes.first_chunk().copied().unwrap_or_default();
    i32::from_be_bytes(four)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A statement's first words, without what may be secret.
fn first_words(statement: &str) -> String {
    let words: Vec<&str> = statement
        .split_whitespace()
        .take_while(|word| !word.eq_ignore_ascii_case("password"))
        .collect();
    words.join(" ").chars().take(NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = i32::try_from(body.len() + 4).unwrap_or(i32::MAX);
        [[kind].as_slice(), &length.to_be_bytes(), body].concat()
    }

    fn startup() -> Vec<u8> {
        let body = b"\0\x03\0\0user\0me\0database\0sales\0\0";
        message(0, body)[1..].to_vec()
    }

    #[test]
    fn units_are_whole_however_the_bytes_come() {
        let said = [
            startup(),
            message(b'p', b"secret"),
            message(b'P', b"s1\0SELECT  $1\n FROM x\0\0\0"),
            message(b'D', b"Ss1\0"),
            message(b'S', b""),
            message(b'B', b"\0s1\0\0\0"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
            message(b'Q', b"CREATE ROLE x LOGIN PASSWORD 'y'\0"),
            message(b'X', b""),
        ]
        .concat();
        let mut whole = Frontend::default();
        let at_once = whole.take(&said);
        let names: Vec<_> = at_once.iter().map(|unit| unit.name.as_deref()).collect();
        assert_eq!(
            names,
            [
                Some("login me to sales"),
                None,
                None,
                Some("sql sales: SELECT $1 FROM x"),
                Some("sql sales: CREATE ROLE x LOGIN"),
                None
            ]
        );
        let mut slow = Frontend::default();
        let byte_by_byte: Vec<Unit> = said.iter().flat_map(|byte| slow.take(&[*byte])).collect();
        assert_eq!(at_once, byte_by_byte);
        assert_eq!(
            at_once
                .iter()
                .flat_map(|unit| unit.bytes.clone())
                .collect::<Vec<_>>(),
            said
        );
    }

    #[test]
    fn an_answer_ends_where_the_client_has_to_speak() {
        let mut backend = Backend::default();
        let awaited = Answer::Authentication;
        assert!(backend.take(&message(b'R', &[0, 0, 0, 10]), awaited));
        assert!(backend.take(&message(b'R', &[0, 0, 0, 11]), awaited));
        let end = [
            message(b'R', &[0, 0, 0, 12]),
            message(b'R', &[0; 4]),
            message(b'S', b"x\0y\0"),
        ]
        .concat();
        assert!(!backend.take(&end, awaited));
        let ready = message(b'Z', b"I");
        assert!(!backend.take(&ready[..3], awaited));
        assert!(backend.take(&ready[3..], awaited));
        assert!(!backend.take(&message(b'E', b"\0"), Answer::Ready));
        assert!(backend.take(&message(b'E', b"\0"), Answer::Authentication));
        assert!(backend.take(b"S", Answer::Negotiation) && backend.is_encrypted());
    }
}
