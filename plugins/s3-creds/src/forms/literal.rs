//! Text as a literal of each language that a form is written in.

/// A word for sh, bash, zsh and fish alike. Inside single quotes only fish knows escapes, and then
/// only `\'` and `\\`; so these two characters stand outside, where all four read them the same.
pub(super) fn any_shell(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    let mut word = String::with_capacity(text.len() + 2);
    let mut is_open = false;
    for character in text.chars() {
        let is_special = matches!(character, '\'' | '\\');
        if is_open == is_special {
            word.push('\'');
            is_open = !is_open;
        }
        if is_special {
            word.push('\\');
        }
        word.push(character);
    }
    if is_open {
        word.push('\'');
    }
    word
}

/// A word for fish.
///
/// <https://fishshell.com/docs/current/language.html#quotes>
pub(super) fn fish(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A string of Python, free of control characters as all texts here are.
pub(super) fn python(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A string of R; characters beyond ASCII by their numbers, because a script is read in the
/// encoding of the session.
pub(super) fn r(text: &str) -> String {
    let mut literal = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => literal.extend(['\\', character]),
            ' '..='~' => literal.push(character),
            _ => literal.push_str(&format!("\\U{{{:x}}}", u32::from(character))),
        }
    }
    literal.push('"');
    literal
}

/// A string of SQL.
pub(super) fn sql(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An identifier of SQL.
pub(super) fn sql_name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
