//! Words of a command line that is printed to be pasted, or evaluated.

/// A word for a POSIX shell: nothing inside single quotes is special but the quote itself.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The same, in quotes only where a shell would take it apart.
pub fn quoted_if_needed(word: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "_-./:@,+=".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        quoted(word)
    }
}
