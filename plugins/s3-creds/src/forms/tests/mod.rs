mod golden;
mod programs;
mod refused;
mod shells;

use std::{ffi::OsStr, path::PathBuf};

use datalab_core::world::World;

use super::{Form, Naming};
use crate::issued::{Credentials, Issued, Origin, Server, Store};

/// Keys as Ceph gives them, with every character of base64.
pub(super) fn temporary() -> Issued {
    Issued {
        credentials: Credentials {
            access_key_id: "QZ3VKA0N1H2JXAMPLE0".to_owned(),
            secret_access_key: "pa+ss/word=EXAMPLE0123456789abcdefghij".to_owned().into(),
            session_token: Some("tok+en/with==base64".to_owned().into()),
            expiration: Some("2026-11-20T22:15:33.690120665Z".parse().unwrap()),
        },
        store: Store {
            url: "https://s3.lab.example:7481".to_owned(),
            region: "us-east-1".to_owned(),
            path_style: true,
        },
        server: Server::Ceph,
        origin: Some(Origin {
            sts_url: "https://sts.lab.example".to_owned(),
            issuer: "https://id.lab.example/realms/datalab".to_owned(),
            subject: "0b5c".to_owned(),
            username: "alice".to_owned(),
            role_arn: Some("arn:aws:iam:::role/datalab".to_owned()),
            session_name: "alice".to_owned(),
            asked_seconds: 3600,
        }),
        bucket: Some("alice".to_owned()),
        prefix: Some("diabetes/".to_owned()),
    }
}

/// Keys that a store has given once and for all, on a store of another kind.
pub(super) fn fixed() -> Issued {
    Issued {
        credentials: Credentials {
            session_token: None,
            expiration: None,
            ..temporary().credentials
        },
        store: Store {
            url: "http://127.0.0.1:3900".to_owned(),
            region: "garage".to_owned(),
            path_style: false,
        },
        server: Server::Static,
        origin: None,
        bucket: None,
        prefix: None,
    }
}

pub(super) fn naming() -> Naming {
    Naming {
        profile: "lab".to_owned(),
        program: [
            "/opt/data lab/kubectl-datalab-s3_creds",
            "credential-process",
        ]
        .into_iter()
        .chain(["--onyxia", "https://lab.example/it's; #1"])
        .map(str::to_owned)
        .collect(),
        token_file: Some(PathBuf::from("/run/token")),
        ca_file: Some(PathBuf::from("/etc/lab ca.pem")),
    }
}

/// The keys of `issued`, in the order in which most forms have them.
pub(super) fn keys(issued: &Issued) -> Vec<&str> {
    let credentials = &issued.credentials;
    let token = credentials.session_token.as_ref();
    let mut keys = vec![
        credentials.access_key_id.as_str(),
        credentials.secret_access_key.expose(),
    ];
    keys.extend(token.map(|token| token.expose().as_str()));
    keys
}

/// The same with keys that no server gives.
pub(super) fn with_keys(mut issued: Issued, id: &str, secret: &str, token: &str) -> Issued {
    let credentials = &mut issued.credentials;
    credentials.access_key_id = id.to_owned();
    credentials.secret_access_key = secret.to_owned().into();
    if credentials.session_token.is_some() {
        credentials.session_token = Some(token.to_owned().into());
    }
    issued
}

pub(super) fn render(form: Form, issued: &Issued, naming: &Naming) -> String {
    super::render(form, issued, naming).unwrap()
}

/// Runs a program of the machine; `None`, and a word about it, where there is none.
pub(super) fn run(
    test: &str,
    program: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Option<Vec<u8>> {
    let world = World::real();
    let program_name = OsStr::new(program);
    let command = world
        .program(program_name)
        .arguments(arguments.iter().map(Into::into))
        .variables(variables.iter().copied());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match runtime.block_on(command.output()) {
        Ok(output) => {
            assert_eq!(output.code, Some(0), "{program}: {}", output.talk);
            Some(output.out)
        }
        Err(_) => {
            datalab_lab::skip(test, program);
            None
        }
    }
}
