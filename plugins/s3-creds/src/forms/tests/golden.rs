//! Every form, as a person sees it.

use clap::ValueEnum as _;

use super::{fixed, naming, render, temporary};
use crate::forms::{Form, Naming, notes};
use crate::issued::{Issued, Server};

fn all(issued: &Issued, naming: &Naming) -> String {
    let mut text = String::new();
    for form in Form::value_variants() {
        let name = form.to_possible_value().unwrap();
        text.push_str(&format!("### {}\n", name.get_name()));
        match crate::forms::render(*form, issued, naming) {
            Ok(form) => text.push_str(&form),
            Err(failure) => text.push_str(&format!("({}) {failure}\n", failure.kind().exit_code())),
        }
        for note in notes(*form, issued, naming) {
            text.push_str(&format!("note: {note}\n"));
        }
        text.push('\n');
    }
    text
}

/// Programs read some of these in other tests, and each of them on the lab
/// (`tests/journeys/tests/s3_creds/forms.rs`).
#[test]
fn all_forms() {
    insta::assert_snapshot!("temporary", all(&temporary(), &naming()));
}

#[test]
fn all_forms_of_keys_without_an_end() {
    let naming = Naming {
        profile: "default".to_owned(),
        ..Naming::default()
    };
    insta::assert_snapshot!("fixed", all(&fixed(), &naming));
}

#[test]
fn aws_needs_no_help_with_checksums() {
    let issued = Issued {
        server: Server::Aws,
        ..temporary()
    };
    for form in [Form::Env, Form::AwsProfile, Form::Python] {
        let text = render(form, &issued, &naming());
        assert!(!text.to_lowercase().contains("checksum"), "{text}");
    }
}

#[test]
fn a_server_is_called_what_each_tool_calls_it() {
    for (server, name, provider) in [
        (Server::Aws, "aws", "AWS"),
        (Server::Ceph, "ceph", "Ceph"),
        (Server::Minio, "minio", "Minio"),
        (Server::RustFs, "rustfs", "Other"),
        (Server::SeaweedFs, "seaweedfs", "Other"),
        (Server::Static, "static", "Other"),
        (Server::Other, "other", "Other"),
    ] {
        let issued = Issued {
            server,
            ..temporary()
        };
        let own = render(Form::Json, &issued, &naming());
        assert!(own.contains(&format!("\"server\": \"{name}\"")), "{own}");
        let remote = render(Form::Rclone, &issued, &naming());
        assert!(
            remote.contains(&format!("PROVIDER='{provider}'")),
            "{remote}"
        );
    }
}

#[test]
fn the_aws_clis_names_are_taken() {
    for (name, form) in [
        ("sh", Form::Env),
        ("bash", Form::Env),
        ("zsh", Form::Env),
        ("env-no-export", Form::Dotenv),
        ("process", Form::CredentialProcess),
        ("r", Form::R),
        ("k8s-secret", Form::K8sSecret),
        ("s3fs-fuse", Form::S3fsFuse),
    ] {
        assert_eq!(Form::from_str(name, false), Ok(form));
    }
}
