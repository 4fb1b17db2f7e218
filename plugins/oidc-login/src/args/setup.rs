use std::path::PathBuf;

use clap::{Args, ValueEnum};
use datalab_core::{cli::ConfirmArgs, oidc::Audience, words::Namespace};

use super::registration::RegistrationArgs;
use crate::setup::{Form, PrintRequest, SetupRequest, Source};

#[derive(Args, Debug)]
pub(super) struct SetupArgs {
    /// The platform's address: it tells issuer, client and API server itself
    #[arg(long, value_name = "URL")]
    onyxia: Option<String>,
    /// Region of the platform, where it has several
    #[arg(long, value_name = "ID", requires = "onyxia")]
    region: Option<String>,
    /// Identity provider, by its issuer URL
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Client at the identity provider
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Address of the API server
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Certificate authorities of the identity provider, beside the system's
    #[arg(long, value_name = "FILE")]
    issuer_ca: Option<PathBuf>,
    /// Certificate authorities of the API server, where the system's are not enough
    #[arg(long, value_name = "FILE")]
    server_ca: Option<PathBuf>,
    /// One of several accounts, by user name or e-mail
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Scope that is needed beside openid; can be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Another service that the login is to be good for, by a scope or by a client of its own; can
    /// be repeated
    #[arg(long = "audience", value_name = "NAME=SCOPE|NAME@CLIENT-ID", value_parser = audience)]
    audiences: Vec<Audience>,
    /// Name of the entries, if not the platform's or the server's host
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Namespace of the context
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<Namespace>,
    /// Kubeconfig file to write to, and no other
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Make it the current context, even if there is one
    #[arg(long)]
    use_context: bool,
    /// Change nothing: check, and print what would be written
    #[arg(
        long,
        value_enum,
        num_args = 0..=1,
        default_value = "none",
        default_missing_value = "client",
        value_name = "none|client",
        hide_possible_values = true,
        hide_default_value = true
    )]
    dry_run: SetupDryRun,
    #[command(flatten)]
    confirm: ConfirmArgs,
    /// Print what others need instead, ready to be pasted, and write nothing; can be repeated:
    /// authentication-configuration (for the API server), keycloak-client, role-binding, kuberc
    #[arg(long, value_enum, value_name = "FORM", hide_possible_values = true)]
    print: Vec<Form>,
    /// For --print: what stands before the names of users and groups in the cluster
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "oidc-",
        requires = "print"
    )]
    prefix: String,
    /// For --print: the claim with the user's name
    #[arg(
        long,
        value_name = "CLAIM",
        default_value = "preferred_username",
        requires = "print"
    )]
    username_claim: String,
    /// For --print role-binding: a group of the identity provider; can be repeated
    #[arg(long = "group", value_name = "GROUP", requires = "print")]
    groups: Vec<String>,
    /// For --print role-binding: the ClusterRole that the groups get in the namespace
    #[arg(long, value_name = "NAME", default_value = "edit", requires = "print")]
    role: String,
    #[command(flatten)]
    registration: RegistrationArgs,
}

/// How far setup goes: there is no server that could check what it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SetupDryRun {
    None,
    Client,
}

impl SetupArgs {
    /// Whether something is to be printed, rather than written.
    pub(super) fn prints(&self) -> bool {
        !self.print.is_empty()
    }

    pub(super) fn into_request(self) -> SetupRequest {
        let Self {
            onyxia,
            region,
            server,
            server_ca,
            audiences,
            name,
            namespace,
            use_context,
            dry_run,
            confirm,
            print,
            prefix,
            username_claim,
            groups,
            role,
            issuer,
            client_id,
            issuer_ca,
            account,
            scopes,
            kubeconfig,
            registration,
        } = self;
        SetupRequest {
            source: Source {
                onyxia,
                region,
                issuer,
                client_id,
                server,
            },
            issuer_ca,
            server_ca,
            account,
            scopes,
            audiences,
            registration: registration.into_registration(),
            name,
            namespace,
            kubeconfig,
            use_context,
            is_dry: dry_run == SetupDryRun::Client,
            confirm,
            print: PrintRequest {
                forms: print,
                prefix,
                username_claim,
                groups,
                role,
            },
        }
    }
}

/// `NAME=SCOPE`, or `NAME@CLIENT-ID`.
fn audience(text: &str) -> Result<Audience, String> {
    let place = text.find(['=', '@']);
    let (name, rest) = match place {
        Some(place) => (&text[..place], &text[place..]),
        None => ("", ""),
    };
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let is_value = rest.len() > 1 && !rest.contains(char::is_whitespace);
    if !is_name || !is_value {
        return Err("expected a name and a scope, as in s3=minio, or a name and a client's id, as in vault@vault".to_owned());
    }
    let value = rest[1..].to_owned();
    let is_scope = rest.starts_with('=');
    Ok(Audience {
        name: name.to_owned(),
        scope: is_scope.then(|| value.clone()),
        client_id: (!is_scope).then_some(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences() {
        let of = |text: &str| {
            let Audience {
                name,
                scope,
                client_id,
            } = audience(text).unwrap();
            (name, scope, client_id)
        };
        assert_eq!(
            of("s3=minio"),
            ("s3".to_owned(), Some("minio".to_owned()), None)
        );
        assert_eq!(
            of("s3=api://x@y"),
            ("s3".to_owned(), Some("api://x@y".to_owned()), None)
        );
        assert_eq!(
            of("vault@a=b"),
            ("vault".to_owned(), None, Some("a=b".to_owned()))
        );
        for text in ["", "s3", "s3=", "=x", "@x", "s 3=x", "s3=a b"] {
            assert!(audience(text).is_err(), "{text}");
        }
    }
}
