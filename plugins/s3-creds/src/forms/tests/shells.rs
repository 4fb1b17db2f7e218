//! What the shells make of the forms that are evaluated, byte for byte.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{fixed, naming, render, run, temporary, with_keys};
use crate::forms::{Form, Naming, Variables};
use crate::issued::Issued;

/// A start of four shells takes some 50 ms.
const CASES: u32 = 24;

/// All that a shell has a meaning for.
const HOSTILE: [&str; 8] = [
    r#"a'b"c\d"#,
    r"\\'\'",
    "$(touch /tmp/x) `id` $HOME ${x}",
    "!! !$ ~ * ? [a] {a,b} <(x) &| ; #",
    " ends with blanks  ",
    "==%s%n\\n\\",
    "Zoë 数据 '",
    "-n -e --",
];

const SHELLS: [&str; 4] = ["sh", "bash", "zsh", "fish"];

/// The environment of a shell after it has evaluated the form, where stale variables were set.
fn evaluated(
    test: &str,
    shell: &str,
    form: &str,
    stale: &[&str],
) -> Option<BTreeMap<String, String>> {
    // A script that stops at errors and at unset variables, as careful ones do.
    let script = match shell {
        "fish" => "eval \"$FORM\"; and env -0",
        _ => "set -eu; eval \"$FORM\" && env -0",
    };
    let mut variables = vec![("FORM", form)];
    variables.extend(stale.iter().map(|name| (*name, "stale")));
    let out = run(test, shell, &["-c", script], &variables)?;
    let out = String::from_utf8(out).unwrap();
    let environment = out
        .split_terminator('\0')
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some(environment.collect())
}

fn check(test: &str, shell: &str, form: Form, issued: &Issued, naming: &Naming) {
    let text = render(form, issued, naming);
    let Variables { set, unset } = Variables::of(issued, naming).unwrap();
    // All of the stale variables, and none of them.
    for stale in [&*unset, &[]] {
        let Some(environment) = evaluated(test, shell, &text, stale) else {
            return;
        };
        for (name, value) in &set {
            assert_eq!(environment.get(*name), Some(value), "{shell}: {name}");
        }
        for name in &unset {
            assert_eq!(environment.get(*name), None, "{shell}: {name}");
        }
    }
}

#[test]
fn hostile_keys_come_back_byte_for_byte() {
    const TEST: &str = "hostile keys come back byte for byte";
    let mut naming = naming();
    for issued in [temporary(), fixed()] {
        for (index, hostile) in HOSTILE.iter().enumerate() {
            let next = HOSTILE[(index + 1) % HOSTILE.len()];
            let issued = with_keys(issued.clone(), hostile, next, hostile);
            naming.ca_file = Some(next.into());
            for shell in SHELLS {
                check(TEST, shell, Form::Env, &issued, &naming);
            }
            check(TEST, "fish", Form::Fish, &issued, &naming);
        }
    }
}

#[test]
fn fish_can_source_it() {
    let text = render(Form::Fish, &temporary(), &naming());
    let script = "echo $FORM | source; and echo $AWS_SESSION_TOKEN";
    // Without quotes, fish joins the lines with blanks.
    let unquoted = "eval (printf %s $FORM); and echo $AWS_SESSION_TOKEN";
    for script in [script, unquoted] {
        if let Some(out) = run(
            "fish can source it",
            "fish",
            &["-c", script],
            &[("FORM", &text)],
        ) {
            assert_eq!(out, b"tok+en/with==base64\n");
        }
    }
}

#[test]
fn an_eval_without_quotes_works_too() {
    let text = render(Form::Env, &temporary(), &Naming::default());
    for shell in ["sh", "bash", "fish"] {
        let script = match shell {
            "fish" => "eval (printf %s $FORM); and echo $AWS_SESSION_TOKEN",
            _ => "eval $FORM && echo \"$AWS_SESSION_TOKEN\"",
        };
        let test = "an eval without quotes works too";
        if let Some(out) = run(test, shell, &["-c", script], &[("FORM", &text)]) {
            assert_eq!(out, b"tok+en/with==base64\n", "{shell}");
        }
    }
}

#[test]
fn dotenv_is_the_same_for_a_shell() {
    let issued = temporary();
    let plain = Naming::default();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), render(Form::Dotenv, &issued, &plain)).unwrap();
    let script = [
        "-c",
        "set -a; . \"$0\"; env -0",
        file.path().to_str().unwrap(),
    ];
    let out = run("dotenv is the same for a shell", "sh", &script, &[]).unwrap();
    let out = String::from_utf8(out).unwrap();
    for (name, value) in Variables::of(&issued, &plain).unwrap().set {
        let line = format!("{name}={value}");
        assert!(out.split('\0').any(|found| found == line), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_key_comes_back(
        id in "\\PC{1,20}",
        secret in r#"['"\\$`!#;&|<>()*?~{}=%a \[\]]{1,30}"#,
        token in "[ -~]{1,60}",
    ) {
        let issued = with_keys(temporary(), &id, &secret, &token);
        for shell in SHELLS {
            check("any key comes back", shell, Form::Env, &issued, &naming());
        }
        check("any key comes back", "fish", Form::Fish, &issued, &naming());
    }
}
