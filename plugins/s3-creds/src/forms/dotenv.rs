use datalab_core::report::{Failure, Kind};

use super::{Naming, Variables};
use crate::issued::Issued;

/// Readers of such files disagree on quotes, `$`, `#` and blanks: docker takes all of them as they
/// are, others do not. Only what all take as it is is written.
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let mut text = String::new();
    for (name, value) in Variables::of(issued, naming)?.set {
        if !value.chars().all(is_plain) {
            return Err(Failure::new(
                Kind::Usage,
                format!("the value of {name} cannot stand in a dotenv file"),
            )
            .detail(
                "it has characters that readers of such files take in different ways; \
                 letters, digits and _ - . / : @ , + = % [ ] are safe",
            )
            .next("the same command with -o env"));
        }
        text.push_str(&format!("{name}={value}\n"));
    }
    Ok(text)
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-./:@,+=%[]".contains(character)
}
