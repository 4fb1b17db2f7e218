//! What a form cannot carry is refused in words, and no word holds a secret.

use clap::ValueEnum as _;
use datalab_core::report::Kind;

use super::{naming, temporary, with_keys};
use crate::forms::{Form, Naming, render};
use crate::issued::{Issued, Origin};

fn refused(form: Form, issued: &Issued, naming: &Naming) -> String {
    let failure = render(form, issued, naming).unwrap_err();
    assert_eq!(failure.kind(), Kind::Usage);
    let text = failure.to_string();
    for key in super::keys(issued) {
        assert!(!text.contains(key), "{text}");
    }
    text
}

fn named(profile: &str) -> Naming {
    Naming {
        profile: profile.to_owned(),
        ..naming()
    }
}

#[test]
fn control_characters_are_refused_by_all_forms() {
    for form in Form::value_variants() {
        let keys = with_keys(temporary(), "id", "secret\n", "token");
        let said = refused(*form, &keys, &naming());
        assert!(
            said.contains("the secret access key has a line end"),
            "{said}"
        );
        let keys = with_keys(temporary(), "id", "secret", "tok\u{0}en");
        refused(*form, &keys, &naming());
        let mut issued = temporary();
        issued.store.region = "a\r\nb: c".to_owned();
        refused(*form, &issued, &naming());
        refused(*form, &temporary(), &named("lab\n[default]"));
    }
}

/// A platform's settings and a token service's answers are not ours: neither may write lines.
#[test]
fn nothing_adds_a_line_to_a_file() {
    let evil = "a\n[default]\ncredential_process = evil";
    let mut naming = naming();
    naming.program.push(evil.to_owned());
    refused(Form::AwsProfile, &temporary(), &naming);
    let change: [fn(&mut Origin, String); 3] = [
        |origin, evil| origin.sts_url = evil,
        |origin, evil| origin.session_name = evil,
        |origin, evil| origin.role_arn = Some(evil),
    ];
    for change in change {
        let mut issued = temporary();
        change(issued.origin.as_mut().unwrap(), evil.to_owned());
        refused(Form::WebIdentity, &issued, &super::naming());
    }
}

#[test]
fn names_that_a_tool_cannot_have_are_refused_with_one_that_it_can() {
    for (form, profile, better) in [
        (Form::AwsProfile, "my lab", "--name my_lab"),
        (Form::AwsProfile, "a]b", "--name a_b"),
        (Form::AwsProfile, "$(id)", "--name s3__id_"),
        (Form::AwsProfile, "", "--name s3"),
        (Form::WebIdentity, "it's", "--name it_s"),
        (Form::Mc, "my-lab", "--name my_lab"),
        (Form::Mc, "1lab", "--name s31lab"),
        (Form::Rclone, "a=b", "--name a_b"),
        (Form::K8sSecret, "My Lab", "--name my-s3"),
    ] {
        let said = refused(form, &temporary(), &named(profile));
        assert!(said.ends_with(better), "{said}");
    }
    // DuckDB's names may be anything.
    let sql = super::render(Form::Duckdb, &temporary(), &named("a\"b'; --"));
    assert!(
        sql.starts_with("CREATE OR REPLACE SECRET \"a\"\"b'; --\" ("),
        "{sql}"
    );
}

#[test]
fn values_that_a_tool_would_cut_are_refused() {
    for (form, secret) in [
        (Form::Dotenv, "a b"),
        (Form::Dotenv, "a$HOME"),
        (Form::Dotenv, "\"a\""),
        (Form::Mc, "a:b"),
        (Form::Mc, "a@b"),
        (Form::S3cmd, "$HOME"),
        (Form::S3cmd, " blanks "),
    ] {
        refused(
            form,
            &with_keys(temporary(), "id", secret, "token"),
            &naming(),
        );
    }
    let by_hand = Naming {
        program: Vec::new(),
        ..naming()
    };
    for secret in ["a #b", "#ab", " ab"] {
        let issued = with_keys(temporary(), "id", secret, "token");
        refused(Form::AwsProfile, &issued, &by_hand);
    }
}

#[test]
fn what_a_form_needs_is_asked_for() {
    let mut issued = temporary();
    issued.bucket = None;
    let said = refused(Form::S3fsFuse, &issued, &naming());
    assert!(said.contains("--bucket NAME"), "{said}");
    let mut bare = naming();
    bare.token_file = None;
    let said = refused(Form::WebIdentity, &issued, &bare);
    assert!(said.contains("--token FILE"), "{said}");
    if let Some(origin) = &mut issued.origin {
        origin.role_arn = None;
    }
    let said = refused(Form::WebIdentity, &issued, &naming());
    assert!(said.contains("--role-arn"), "{said}");
    issued.origin = None;
    refused(Form::WebIdentity, &issued, &naming());
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut naming = naming();
    naming.ca_file = Some(std::ffi::OsStr::from_bytes(b"/ca\xff.pem").into());
    refused(Form::Env, &temporary(), &naming);
    naming.ca_file = Some("/ca\n.pem".into());
    refused(Form::S3cmd, &temporary(), &naming);
}
