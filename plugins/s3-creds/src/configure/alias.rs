//! An alias in mc's configuration, which is one JSON document: an entry of ours comes and goes, and
//! the rest keeps its bytes.

use std::ops::Range;

use datalab_core::{
    report::{Failure, Kind},
    store::ForeignFile,
};
use serde_json::{Map, Value, json};

use super::work::{Order, conflict};
use crate::{forms::mc::alias_in_file, issued::Issued};

/// The version of the file that mc has written since 2020.
const VERSION: &str = "10";

/// A field that mc reads over, and drops when it writes the file itself.
const MARK: &str = "writtenBy";

const MARKED: &str = "kubectl datalab s3-creds";

/// What was there before, as it was spelled; mc reads over it too.
const DISPLACED: &str = "displaced";

/// What is to be done with an alias.
#[derive(Debug)]
pub(super) struct AliasWork {
    pub(super) name: String,
    /// The entry; `None` to take it out.
    pub(super) entry: Option<Map<String, Value>>,
}

impl AliasWork {
    /// The alias with its keys.
    ///
    /// # Errors
    /// [`Kind::Usage`]: mc has no such names.
    pub(super) fn of(issued: &Issued, name: &str) -> Result<Self, Failure> {
        let credentials = &issued.credentials;
        let store = &issued.store;
        let mut entry = Map::new();
        let mut put = |key: &str, value: &str| entry.insert(key.to_owned(), value.into());
        put("url", &store.url);
        put("accessKey", &credentials.access_key_id);
        put("secretKey", credentials.secret_access_key.expose());
        if let Some(token) = &credentials.session_token {
            put("sessionToken", token.expose());
        }
        put("api", "S3v4");
        put("path", if store.path_style { "on" } else { "off" });
        put(MARK, MARKED);
        Ok(Self {
            name: alias_in_file(name)?.to_owned(),
            entry: Some(entry),
        })
    }

    /// The file's new content, and whether there is something of ours in the old one.
    pub(super) fn changed(
        &self,
        content: Option<&[u8]>,
        order: &Order<'_>,
        file: &ForeignFile,
    ) -> Result<(Vec<u8>, bool), Failure> {
        let empty = format!("{{\n\t\"version\": \"{VERSION}\",\n\t\"aliases\": {{}}\n}}\n");
        let text = match content {
            None | Some(b"") if self.entry.is_none() => return Ok((Vec::new(), false)),
            None | Some(b"") => &*empty,
            Some(content) => readable(content, file)?,
        };
        let aliases = aliases(text, file)?;
        let members = members(text, aliases.start);
        let of = |member: &Member| is_ours(&text[member.value.clone()]);
        let has_ours = members.iter().any(of);
        let found = members.iter().position(|member| member.key == self.name);
        let is_theirs = found.is_some_and(|index| !of(&members[index]));
        let before = found.map(|index| &text[members[index].value.clone()]);
        let changed = match (&self.entry, found) {
            (None, Some(index)) if !is_theirs => without(text, &aliases, &members, index),
            (None, _) => text.to_owned(),
            (Some(_), _) if is_theirs && !order.forces => {
                return Err(self.conflict(before.unwrap_or_default(), file));
            }
            (Some(entry), found) => {
                let displaced = before.and_then(|before| match is_theirs {
                    true => Some(before.to_owned()),
                    false => displaced(before),
                });
                let mut entry = entry.clone();
                if let Some(displaced) = displaced {
                    entry.insert(DISPLACED.to_owned(), displaced.into());
                }
                with(text, &aliases, &members, found, &self.name, &entry)
            }
        };
        let is_gone = changed == empty && self.entry.is_none() && has_ours && !order.was_there;
        match is_gone {
            true => Ok((Vec::new(), true)),
            false => Ok((changed.into_bytes(), has_ours)),
        }
    }

    /// What is written, without secrets.
    pub(super) fn lines(&self) -> Vec<String> {
        let url = self.entry.as_ref().and_then(|entry| entry["url"].as_str());
        let line = url.map(|url| format!("{}: {url}, with its keys", self.name));
        line.into_iter().collect()
    }

    fn conflict(&self, before: &str, file: &ForeignFile) -> Failure {
        let url = |entry: Option<&Value>| {
            let url = entry.and_then(|entry| entry["url"].as_str());
            url.unwrap_or("(no address)").to_owned()
        };
        let there: Option<Value> = serde_json::from_str(before).ok();
        let ours = self.entry.clone().map(Value::Object);
        conflict(format!(
            "the alias {} in {} was not written by us",
            self.name,
            file.path().display()
        ))
        .detail(format!("there: {}", url(there.as_ref())))
        .detail(format!("ours:  {}", url(ours.as_ref())))
    }
}

/// The aliases of ours in the file.
pub(super) fn ours(content: &[u8], file: &ForeignFile) -> Result<Vec<String>, Failure> {
    let text = readable(content, file)?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let aliases = aliases(text, file)?;
    let members = members(text, aliases.start).into_iter();
    let ours = members.filter(|member| is_ours(&text[member.value.clone()]));
    Ok(ours.map(|member| member.key).collect())
}

/// mc itself never writes a token: an alias with one is ours, also after mc has dropped the mark.
fn is_ours(entry: &str) -> bool {
    let entry: Value = serde_json::from_str(entry).unwrap_or_default();
    let token = entry["sessionToken"].as_str().unwrap_or_default();
    entry[MARK] == MARKED || !token.is_empty()
}

fn displaced(entry: &str) -> Option<String> {
    let entry: Value = serde_json::from_str(entry).ok()?;
    Some(entry[DISPLACED].as_str()?.to_owned())
}

/// A member of a JSON object: its name, and where it and its value stand.
#[derive(Debug)]
struct Member {
    key: String,
    whole: Range<usize>,
    value: Range<usize>,
}

fn readable<'a>(content: &'a [u8], file: &ForeignFile) -> Result<&'a str, Failure> {
    std::str::from_utf8(content).map_err(|_| unknown("it is no text", file))
}

fn unknown(why: &str, file: &ForeignFile) -> Failure {
    Failure::new(
        Kind::Usage,
        format!("{} cannot be edited: {why}", file.path().display()),
    )
    .state("nothing was changed")
    .detail("get -o mc prints an alias that needs no file")
}

/// Where the object of all aliases stands.
fn aliases(text: &str, file: &ForeignFile) -> Result<Range<usize>, Failure> {
    let unknown = |why: &str| unknown(why, file);
    let document: Value =
        serde_json::from_str(text).map_err(|error| unknown(&format!("it is no JSON ({error})")))?;
    if document["version"] != json!(VERSION) || !document["aliases"].is_object() {
        return Err(unknown("it is not of mc's version 10"));
    }
    let begin = text.find('{').unwrap_or_default();
    let member = members(text, begin)
        .into_iter()
        .rfind(|member| member.key == "aliases");
    member
        .map(|member| member.value)
        .ok_or_else(|| unknown("it has no aliases"))
}

/// The members of the object that begins at a brace, in a text that is JSON.
fn members(text: &str, begin: usize) -> Vec<Member> {
    let bytes = text.as_bytes();
    let skip = |mut at: usize| {
        while bytes
            .get(at)
            .is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b',')
        {
            at += 1;
        }
        at
    };
    let mut members = Vec::new();
    let mut at = skip(begin + 1);
    while bytes.get(at) == Some(&b'"') {
        let key = at..end_of_value(bytes, at);
        let colon = skip(key.end);
        let start = skip(colon + 1);
        let value = start..end_of_value(bytes, start);
        at = skip(value.end);
        members.push(Member {
            key: serde_json::from_str(&text[key.clone()]).unwrap_or_default(),
            whole: key.start..value.end,
            value,
        });
    }
    members
}

/// Where a value ends that begins there.
fn end_of_value(bytes: &[u8], begin: usize) -> usize {
    let mut depth = 0;
    let mut is_text = false;
    let mut at = begin;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if is_text => at += 1,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => depth += 1,
            b'}' | b']' if !is_text && depth == 0 => return at,
            b'}' | b']' if !is_text => depth -= 1,
            b',' if !is_text && depth == 0 => return at,
            byte if byte.is_ascii_whitespace() && !is_text && depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 1;
        if depth == 0 && !is_text {
            return at;
        }
    }
    bytes.len()
}

fn with(
    text: &str,
    aliases: &Range<usize>,
    members: &[Member],
    found: Option<usize>,
    name: &str,
    entry: &Map<String, Value>,
) -> String {
    let fields: Vec<String> = entry
        .iter()
        .map(|(key, value)| format!("\n\t\t\t{}: {value}", Value::from(key.as_str())))
        .collect();
    let value = format!("{{{}\n\t\t}}", fields.join(","));
    if let Some(index) = found {
        let place = &members[index].value;
        return [&text[..place.start], &value, &text[place.end..]].concat();
    }
    let member = format!("\n\t\t{}: {value}", Value::from(name));
    match members.last() {
        Some(last) => {
            let (before, after) = text.split_at(last.whole.end);
            [before, ",", &member, after].concat()
        }
        None => {
            let (before, after) = text.split_at(aliases.start + 1);
            [before, &member, after].concat()
        }
    }
}

fn without(text: &str, aliases: &Range<usize>, members: &[Member], index: usize) -> String {
    let member = &members[index];
    if let Some(displaced) = displaced(&text[member.value.clone()]) {
        let place = &member.value;
        return [&text[..place.start], &displaced, &text[place.end..]].concat();
    }
    let gone = match (index.checked_sub(1), members.get(index + 1)) {
        (Some(before), _) => members[before].whole.end..member.whole.end,
        (None, Some(after)) => member.whole.start..after.whole.start,
        (None, None) => aliases.start + 1..member.whole.end,
    };
    [&text[..gone.start], &text[gone.end..]].concat()
}
