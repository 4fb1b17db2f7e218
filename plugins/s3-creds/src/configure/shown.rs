//! Lines of configuration for a screen.

/// What stands for a secret.
const HIDDEN: &str = "(hidden)";

/// Parts of the names of keys whose values are secrets.
const SECRET: [&str; 5] = ["key", "secret", "token", "pass", "credential"];

/// Keys that look so and hold none.
const PUBLIC: [&str; 1] = ["credential_process"];

/// A line, with a secret in it hidden; of a statement, all from the key on.
pub(super) fn shown(line: &str) -> String {
    if let Some((statement, _)) = line.split_once(" KEY_ID ") {
        return format!("{statement} {HIDDEN});");
    }
    if line.contains(" SECRET ") {
        return line.to_owned();
    }
    let Some((key, _)) = line.split_once(['=', ':']) else {
        return line.to_owned();
    };
    let name = key.trim().to_ascii_lowercase();
    let is_secret = SECRET.iter().any(|part| name.contains(part));
    match is_secret && !PUBLIC.contains(&&*name) {
        true => format!("{key}= {HIDDEN}"),
        false => line.to_owned(),
    }
}
