//! Names that would be more than names somewhere: to SQL, to a shell, to YAML, to a terminal. Each ends
//! in a clear refusal or in the right result, never in something else being done.
//!
//! | part | names of what |
//! |---|---|
//! | `refused` | anything, in words that Kubernetes or the database do not have |
//! | `database` | databases, owners, schemas, tables, and what a friendly name says |
//! | `grantee` | subjects, namespaces, releases |

mod database;
mod grantee;
mod refused;

use datalab_lab::tenant::Output;

/// How long an error may be that tells of a name of 300 characters: it shows what the name is, not all
/// of it over and over.
const ERROR_MAX: usize = 2_500;

/// Asserts that a command was refused in words: nothing on stdout, no control character that a
/// terminal would obey, no panic, no flood.
#[track_caller]
fn assert_clear(output: &Output) {
    assert!(
        matches!(output.code(), Some(2..=4)),
        "this should have been refused:\n{output}"
    );
    assert_eq!(output.stdout(), "", "{output:?}");
    let said = output.stderr();
    assert!(said.starts_with("error: "), "{output:?}");
    assert!(!said.contains("panicked"), "{output:?}");
    assert!(said.len() < ERROR_MAX, "{} bytes: {output:?}", said.len());
    assert_printable(said);
}

/// Asserts that a terminal shows a text and does nothing else with it.
#[track_caller]
fn assert_printable(text: &str) {
    let acts = |character: &char| {
        character.is_control() && *character != '\n'
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let found = text.chars().find(acts);
    assert!(
        found.is_none(),
        "{found:?} reaches the terminal in {text:?}"
    );
}
