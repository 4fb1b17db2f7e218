use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};

use super::DisplayName;
use crate::{
    report::{Kind, printable},
    world::World,
};

/// What came of reading the command line.
#[derive(Debug)]
pub enum Parsed<A> {
    /// Arguments to act on.
    Arguments(A),
    /// Help, a version or a usage error was printed; this is the exit code.
    Printed(u8),
}

/// What the exit codes of all tools mean, for a help page.
pub const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused, 5 unreachable, 6 partly done,
  7 differences (with --exit-code), 8 locked or somebody else's, 9 waiting for a person,
  125 the command after -- was not started, 130 or 143 interrupted";

/// Stands for the command as it was spelled, in what a tool puts below its options.
const SPELLED: &str = "{command}";

/// Reads the command line. A first word that is no verb of the tool stands after `implied`, so
/// that the shortest form of a tool's main verb needs no verb at all.
pub fn parse<A: CommandFactory + FromArgMatches>(
    world: &World,
    name: &DisplayName,
    arguments: impl IntoIterator<Item = OsString>,
    implied: Option<&str>,
) -> Parsed<A> {
    let mut command = spelled(A::command(), name)
        .bin_name(name.as_str())
        .display_name(name.as_str())
        .no_binary_name(true);
    command.build();
    let mut arguments: Vec<OsString> = arguments.into_iter().skip(1).collect();
    if let Some(verb) = implied
        && lacks_verb(&command, &arguments)
    {
        arguments.insert(0, verb.into());
    }
    let has_command = starts_command(&command, &arguments);
    let parsed = command
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| A::from_arg_matches(&matches));
    match parsed {
        Ok(parsed) => Parsed::Arguments(parsed),
        Err(error) => {
            let text = error.render().to_string();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                    // Nobody is left to tell if standard output does not take a help page.
                    let _ = world.streams().data(&text);
                    Parsed::Printed(0)
                }
                _ => {
                    // The error repeats words of the command line, which may come from somebody else.
                    world.streams().talk(&printable(text.trim_end()));
                    // Its caller takes every other code for the command's own.
                    let kind = match has_command {
                        true => Kind::BeforeCommand,
                        false => Kind::Usage,
                    };
                    Parsed::Printed(kind.exit_code())
                }
            }
        }
    }
}

/// Puts the spelling into the examples of a command and its verbs.
fn spelled(command: clap::Command, name: &DisplayName) -> clap::Command {
    let below = command
        .get_after_help()
        .map(|text| text.to_string().replace(SPELLED, name.as_str()));
    let command = match below {
        Some(text) => command.after_help(text),
        None => command,
    };
    command.mut_subcommands(|verb| spelled(verb, name))
}

/// Whether a verb is named that starts a command, and the command stands after `--`.
fn starts_command(command: &clap::Command, arguments: &[OsString]) -> bool {
    let mut before = arguments.iter().take_while(|word| *word != "--");
    let verb = before.find_map(|word| command.find_subcommand(word));
    let takes_command = verb.is_some_and(|verb| verb.get_arguments().any(clap::Arg::is_last_set));
    takes_command && arguments.iter().any(|word| word == "--")
}

/// Whether no verb is named: the first word that is not a flag, nor a flag's value, is none of
/// them. A line that only asks for help or the version needs none.
fn lacks_verb(command: &clap::Command, arguments: &[OsString]) -> bool {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let Some(text) = word.to_str() else {
            return true;
        };
        match text {
            "--" => return true,
            "-h" | "--help" | "--version" => return false,
            _ if text.len() > 1 && text.starts_with('-') => {
                match flag(command, text) {
                    // A flag that only the implied verb knows.
                    None => return true,
                    Some(known) if takes_next_word(known, text) => {
                        words.next();
                    }
                    Some(_) => {}
                }
            }
            verb => return command.find_subcommand(verb).is_none() && verb != "help",
        }
    }
    !arguments.is_empty()
}

fn flag<'a>(command: &'a clap::Command, word: &str) -> Option<&'a clap::Arg> {
    let named = |argument: &&clap::Arg| match word.strip_prefix("--") {
        Some(long) => {
            let long = long.split('=').next().unwrap_or(long);
            argument.get_long() == Some(long)
        }
        None => argument.get_short() == word.chars().nth(1),
    };
    command.get_arguments().find(named)
}

fn takes_next_word(argument: &clap::Arg, word: &str) -> bool {
    let required = argument
        .get_num_args()
        .is_some_and(|count| count.min_values() > 0);
    let attached = word.contains('=') || (!word.starts_with("--") && word.chars().count() > 2);
    argument.get_action().takes_values() && required && !attached
}

#[cfg(test)]
mod tests {
    use clap::{Parser, Subcommand};

    use super::*;

    #[derive(Parser)]
    struct Tool {
        #[arg(short, long, global = true)]
        namespace: Option<String>,
        #[arg(short, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "1")]
        verbose: Option<String>,
        #[command(subcommand)]
        verb: Verb,
    }

    #[derive(Subcommand)]
    enum Verb {
        Grant {
            what: String,
            #[arg(long)]
            with: Option<String>,
        },
        List,
        Exec {
            #[arg(last = true)]
            command: Vec<OsString>,
        },
    }

    #[test]
    fn a_usage_error_before_a_command_is_none_of_the_commands_codes() {
        let (world, _) = World::test(jiff::Timestamp::UNIX_EPOCH, []);
        let name = DisplayName::of(&world, None, "tool");
        let code = |line: &str| {
            let words = line.split_whitespace().map(OsString::from);
            match parse::<Tool>(&world, &name, words, None) {
                Parsed::Arguments(_) => None,
                Parsed::Printed(code) => Some(code),
            }
        };
        assert_eq!(code("tool exec -- true"), None);
        assert_eq!(code("tool exec --bogus -- true"), Some(125));
        assert_eq!(code("tool -n x exec --bogus -- true"), Some(125));
        // The counterparts: no command, or a verb that starts none.
        assert_eq!(code("tool exec --bogus"), Some(2));
        assert_eq!(code("tool list --bogus -- exec"), Some(2));
    }

    #[test]
    fn a_verb_is_implied_only_where_none_is_named() {
        let mut command = Tool::command();
        command.build();
        let lacks = |line: &str| {
            lacks_verb(
                &command,
                &line
                    .split_whitespace()
                    .map(OsString::from)
                    .collect::<Vec<_>>(),
            )
        };
        for line in [
            "postgres --with x",
            "-n list postgres",
            "--namespace=list postgres",
            "--with x postgres",
            "-nlist postgres",
            "-v postgres",
            "-- list",
        ] {
            assert!(lacks(line), "{line}");
        }
        for line in [
            "list",
            "-n x list",
            "--namespace x grant postgres",
            "--help",
            "help grant",
            "",
            "--version",
        ] {
            assert!(!lacks(line), "{line}");
        }
    }
}
