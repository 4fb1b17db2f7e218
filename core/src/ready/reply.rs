//! A ready answer, as it lies in its file.
//!
//! ```text
//! offset  length
//!      0      16  magic and version
//!     16      20  second since 1970 until which it is handed out, decimal
//!     36      10  length of the question, decimal
//!     46      16  which token it was made from
//!     62       2  two newlines
//!     64    1024  64 notes of 16 bytes: pid, and millisecond since 1970, of who was given it
//!   1088       -  the question: homes and words, each ended by a zero byte
//!      -       -  the answer, to the end
//! ```
//!
//! The file's name is a hash of the question, and the question is compared too: a kubeconfig made
//! up so that its hash is another one's does not get the other one's token.
//!
//! The notes are how an answer that was of no use is noticed: a program that asks once, and again
//! only when a server has refused what it was given. Each has its place by pid, so that many who
//! are answered at once do not wait for each other.

use std::{
    env,
    ffi::OsString,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::PathBuf,
    time::Duration,
};

/// A question holds a certificate authority or two, an answer one token.
pub(super) const LONGEST: u64 = 256 << 10;

const MAGIC: &[u8; 16] = b"datalab-reply 1\n";
const FRESH: std::ops::Range<usize> = 16..36;
const QUESTION_LENGTH: std::ops::Range<usize> = 36..46;
const TOKEN_ID: std::ops::Range<usize> = 46..62;
const NOTES: usize = 64;
const NOTE: usize = 16;
const PLACES: usize = 64;
const QUESTION: usize = NOTES + NOTE * PLACES;

/// Where sessions are and whom they may be with: who calls the program can set these for one user
/// only.
const HOMES: [&str; 3] = ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"];

/// What is asked: of which tool, with whose sessions, by which words.
#[derive(Debug)]
pub struct Question {
    tool: &'static str,
    bytes: Vec<u8>,
    notes_askers: bool,
}

impl Question {
    /// What this process is asked: its user's homes, and words that the tool chooses.
    pub fn of_process(tool: &'static str, words: impl Iterator<Item = OsString>) -> Self {
        let homes = HOMES.map(|name| env::var_os(name).unwrap_or_default());
        Self::new(tool, homes.into_iter().chain(words))
    }

    fn new(tool: &'static str, words: impl Iterator<Item = OsString>) -> Self {
        let mut bytes = Vec::with_capacity(512);
        for word in words {
            bytes.extend_from_slice(word.as_encoded_bytes());
            bytes.push(0);
        }
        Self {
            tool,
            bytes,
            notes_askers: false,
        }
    }

    /// The same question from somebody who asks once more only when the answer was of no use: it is
    /// noted who was given it, and whoever was is not given it again.
    #[must_use]
    pub fn noting_askers(mut self) -> Self {
        self.notes_askers = true;
        self
    }

    /// Whether it is noted who was given the answer.
    pub fn notes_askers(&self) -> bool {
        self.notes_askers
    }

    /// Where the answer would lie.
    pub fn file(&self) -> Option<PathBuf> {
        let mut hasher = DefaultHasher::new();
        self.bytes.hash(&mut hasher);
        let folder = folders(self.tool).into_iter().next()?;
        Some(folder.join(format!("{:016x}", hasher.finish())))
    }
}

/// The folders of a tool's answers: the user's runtime folder, else their cache. The first is used;
/// in the others are those of processes that had another environment.
pub fn folders(tool: &str) -> Vec<PathBuf> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let bases = [
        absolute("XDG_RUNTIME_DIR"),
        absolute("XDG_CACHE_HOME"),
        absolute("HOME").map(|home| home.join(".cache")),
    ];
    let bases = bases.into_iter().flatten();
    bases
        .map(|base| base.join("kubectl-datalab").join(tool).join("replies"))
        .collect()
}

/// An answer that is there, taken apart.
#[derive(Debug)]
pub struct Header<'a> {
    /// Second since 1970 until which it is handed out.
    pub fresh_until: u64,
    /// Which token it was made from.
    pub token_id: &'a str,
    notes: &'a [u8],
    /// The answer itself.
    pub body: &'a [u8],
}

impl<'a> Header<'a> {
    /// Takes a file apart, if it is the answer to this question.
    pub fn read(content: &'a [u8], question: &Question) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| {
            let text = std::str::from_utf8(content.get(range)?).ok()?;
            text.trim_end().parse::<u64>().ok()
        };
        if content.get(..MAGIC.len())? != MAGIC {
            return None;
        }
        let end = QUESTION.checked_add(usize::try_from(number(QUESTION_LENGTH)?).ok()?)?;
        if content.get(QUESTION..end)? != question.bytes {
            return None;
        }
        Some(Self {
            fresh_until: number(FRESH)?,
            token_id: std::str::from_utf8(content.get(TOKEN_ID)?).ok()?,
            notes: content.get(NOTES..QUESTION)?,
            body: content.get(end..).filter(|body| !body.is_empty())?,
        })
    }

    /// When this process was given the answer, since 1970.
    pub fn was_given_to(&self, pid: u32) -> Option<Duration> {
        let place = place(pid) * NOTE;
        let note = self.notes.get(place..place + NOTE)?;
        let noted = u32::from_le_bytes(note[..4].try_into().ok()?);
        let millis = u64::from_le_bytes(note[8..].try_into().ok()?);
        (noted == pid).then(|| Duration::from_millis(millis))
    }
}

fn place(pid: u32) -> usize {
    usize::try_from(pid).unwrap_or_default() % PLACES
}

/// The note that this process was given the answer, and where in the file it belongs.
pub(super) fn note(pid: u32, now: Duration) -> (u64, [u8; NOTE]) {
    let mut note = [0; NOTE];
    note[..4].copy_from_slice(&pid.to_le_bytes());
    let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    note[8..].copy_from_slice(&millis.to_le_bytes());
    ((NOTES + place(pid) * NOTE) as u64, note)
}

/// The file of an answer, noted as given to one process already.
pub fn compose(
    question: &Question,
    fresh_until: u64,
    token_id: &str,
    given: Option<(u32, Duration)>,
    body: &[u8],
) -> Vec<u8> {
    let mut content = format!(
        "{}{fresh_until:<20}{:<10}{token_id:<16.16}\n\n",
        String::from_utf8_lossy(MAGIC),
        question.bytes.len(),
    )
    .into_bytes();
    content.resize(QUESTION, 0);
    if let Some((pid, now)) = given.filter(|_| question.notes_askers) {
        let (place, note) = note(pid, now);
        let place = usize::try_from(place).unwrap_or(NOTES);
        content[place..place + NOTE].copy_from_slice(&note);
    }
    content.extend_from_slice(&question.bytes);
    content.extend_from_slice(body);
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(words: &[&str]) -> Question {
        Question::new("tool", words.iter().map(OsString::from))
    }

    #[test]
    fn an_answer_is_for_one_question_only() {
        let asked = question(&["get-token", "--issuer", "a"]);
        let content = compose(&asked, 1000, "0123456789abcdef", None, b"{\"x\":1}\n");
        let header = Header::read(&content, &asked).unwrap();
        assert_eq!(header.fresh_until, 1000);
        assert_eq!(header.token_id, "0123456789abcdef");
        assert_eq!(header.body, b"{\"x\":1}\n");
        for other in [
            question(&["get-token", "--issuer", "b"]),
            question(&["get-token", "--issuer", "a", ""]),
            question(&["get-token", "--issuera"]),
            question(&["get-token", "--issuer"]),
        ] {
            assert!(Header::read(&content, &other).is_none(), "{other:?}");
        }
        for end in 0..content.len() - 8 {
            assert!(Header::read(&content[..end], &asked).is_none(), "{end}");
        }
    }

    #[test]
    fn who_was_given_it_is_known() {
        let asked = question(&["get-token"]).noting_askers();
        let moment = Duration::from_millis(1_700_000_000_123);
        let content = compose(&asked, 1, "", Some((4711, moment)), b"x");
        let header = Header::read(&content, &asked).unwrap();
        assert_eq!(header.was_given_to(4711), Some(moment));
        assert_eq!(header.was_given_to(4711 + 64), None);
        assert_eq!(header.was_given_to(1), None);
        let silent = question(&["get-token"]);
        let content = compose(&silent, 1, "", Some((4711, moment)), b"x");
        let header = Header::read(&content, &silent).unwrap();
        assert_eq!(header.was_given_to(4711), None);
    }
}
