//! One kubeconfig file as a tree whose unknown keys and whose order survive.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Change, EntryKind};
use crate::kubeconfig::{Error, file::Kubeconfig};

/// Reads a file's text; an empty one is a new kubeconfig.
pub(super) fn parse(file: &Path, text: &str) -> Result<Value, Error> {
    // What kubectl would refuse is refused here, before anything is written.
    Kubeconfig::default().add(file, text)?;
    let malformed = |reason: String| Error::Malformed {
        file: file.to_owned(),
        reason,
    };
    // A snippet of the file in the error could hold a token.
    let options = serde_yaml::options! { with_snippet: false };
    match serde_yaml::from_str_with_options(text, options) {
        Ok(Value::Null) => Ok(empty()),
        Ok(document @ Value::Object(_)) => Ok(document),
        Ok(_) => Err(malformed("it is no mapping".to_owned())),
        Err(error) => Err(malformed(error.to_string())),
    }
}

pub(super) fn empty() -> Value {
    json!({ "apiVersion": "v1", "kind": "Config" })
}

/// Writes the tree as YAML; `None` if what would be read back is not the same.
pub(super) fn text(document: &Value) -> Option<String> {
    // Long texts stay on one line: readers fold lines in more than one way.
    let options = serde_yaml::ser_options! { prefer_block_scalars: false };
    let mut text = String::new();
    serde_yaml::to_fmt_writer_with_options(&mut text, document, options).ok()?;
    let read: Value = serde_yaml::from_str(&text).ok()?;
    (read == *document).then_some(text)
}

/// An entry's content.
pub(super) fn find<'a>(document: &'a Value, kind: EntryKind, name: &str) -> Option<&'a Value> {
    document
        .get(kind.list())?
        .as_array()?
        .iter()
        .find(|entry| entry["name"] == name)
        .map(|entry| &entry[kind.as_str()])
}

/// Puts an entry in the place of the one of that name, or after all others.
pub(super) fn put(document: &mut Value, kind: EntryKind, name: &str, content: Value) {
    let list = &mut document[kind.list()];
    if list.is_null() {
        *list = json!([]);
    }
    let Some(list) = list.as_array_mut() else {
        return;
    };
    match list.iter_mut().find(|entry| entry["name"] == name) {
        Some(entry) => entry[kind.as_str()] = content,
        None => list.push(json!({ "name": name, kind.as_str(): content })),
    }
}

pub(super) fn current_context(document: &Value) -> Option<&str> {
    document["current-context"]
        .as_str()
        .filter(|name| !name.is_empty())
}

pub(super) fn set_current_context(document: &mut Value, name: &str) {
    document["current-context"] = name.into();
}

/// The content with the keys of a change in it.
pub(super) fn changed(before: Option<&Value>, change: &Change) -> Value {
    let mut content = match before {
        Some(Value::Object(content)) => content.clone(),
        _ => Map::new(),
    };
    for (key, value) in &change.keys {
        let value = with_environment(content.get(key), value);
        if value.is_null() {
            // Not swap_remove: the others stay in their order.
            content.shift_remove(key);
        } else if !content.get(key).is_some_and(|found| same(found, &value)) {
            content.insert(key.clone(), value);
        }
    }
    Value::Object(content)
}

/// Variables that somebody has added to a credential plugin's environment stay: a proxy, say.
fn with_environment(before: Option<&Value>, wanted: &Value) -> Value {
    let mut wanted = wanted.clone();
    if let (Some(variables), Value::Object(exec)) =
        (before.and_then(|exec| exec.get("env")), &mut wanted)
        && !exec.contains_key("env")
    {
        exec.insert("env".to_owned(), variables.clone());
    }
    wanted
}

/// Whether kubectl would read the same: it writes out keys without a value.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    bare(one) == bare(other)
}

fn bare(value: &Value) -> Value {
    match value {
        Value::Object(keys) => keys
            .iter()
            .map(|(key, value)| (key.clone(), bare(value)))
            .filter(|(_, value)| {
                !(value.is_null()
                    || *value == json!("")
                    || *value == json!({})
                    || *value == json!([]))
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(bare).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}
