use std::borrow::Cow;

/// Makes foreign text harmless for a terminal: control characters, and the characters that turn
/// the direction of text around, are shown as Rust escapes. Newlines are kept.
///
/// A name, a server's message or a table cell may come from somebody else; printed as it is, an
/// escape sequence in it could rewrite what the reader sees.
///
/// ```
/// use datalab_core::report::printable;
/// assert_eq!(printable("plain\ntext"), "plain\ntext");
/// assert_eq!(printable("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_hostile(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Lines for a terminal, each of them one line: a newline within it would let foreign text write a
/// line of its own.
///
/// ```
/// use datalab_core::report::printable_lines;
/// assert_eq!(printable_lines(["one", "two\nthree"]), "one\ntwo\\nthree");
/// ```
pub fn printable_lines<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> String {
    let lines: Vec<String> = lines
        .into_iter()
        .map(|line| printable(line.as_ref()).replace('\n', "\\n"))
        .collect();
    lines.join("\n")
}

fn is_hostile(character: char) -> bool {
    // The second line: bidirectional overrides and isolates (Unicode Annex #9), zero-width marks.
    (character.is_control() && character != '\n')
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_would_act() {
        assert_eq!(printable("a\rb\u{9b}c\u{202e}d"), "a\\rb\\u{9b}c\\u{202e}d");
        assert_eq!(printable("Zoë – 数据"), "Zoë – 数据");
    }
}
