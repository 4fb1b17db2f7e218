//! What others need: forms that are ready to be pasted, made from the files in
//! `manifests/oidc-login`.

mod api_server;
mod keycloak;
mod kuberc;
mod role_binding;

use std::path::Path;

use clap::ValueEnum;
use datalab_core::{
    report::{Failure, Kind},
    world::{World, read_text},
};
use serde_json::Value;

use super::{
    SetupRequest,
    facts::{Facts, missing},
};

/// What can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For the API server: `--authentication-config`.
    AuthenticationConfiguration,
    /// For Keycloak: the client, and the scopes of audiences.
    KeycloakClient,
    /// For the cluster: groups of the identity provider get a role in a namespace.
    RoleBinding,
    /// For kubectl 1.35 and later: which credential plugins may run.
    Kuberc,
}

/// What is to be printed.
#[derive(Debug)]
pub(crate) struct PrintRequest {
    pub(crate) forms: Vec<Form>,
    /// Before the names of users and groups.
    pub(crate) prefix: String,
    pub(crate) username_claim: String,
    /// For role bindings.
    pub(crate) groups: Vec<String>,
    pub(crate) role: String,
}

/// A form, and what to do with it.
struct Page {
    text: String,
    /// How it is used, a line each, for standard error.
    use_it: Vec<String>,
}

impl Form {
    /// What it cannot do without.
    fn wants(self, facts: &Facts, request: &SetupRequest) -> Vec<(&'static str, bool)> {
        let issuer = ("--issuer", facts.issuer.is_some());
        let client = ("--client-id", facts.client_id.is_some());
        match self {
            Self::AuthenticationConfiguration | Self::KeycloakClient => vec![issuer, client],
            Self::RoleBinding => vec![
                ("--group", !request.print.groups.is_empty()),
                ("--namespace", request.namespace.is_some()),
            ],
            Self::Kuberc => Vec::new(),
        }
    }
}

pub(super) async fn print(
    world: &World,
    request: &SetupRequest,
    program: &Path,
) -> Result<String, Failure> {
    let facts = Facts::gather(world, request).await?;
    let mut wanted: Vec<(&str, bool)> = Vec::new();
    for form in &request.print.forms {
        for want in form.wants(&facts, request) {
            if !wanted.contains(&want) {
                wanted.push(want);
            }
        }
    }
    if let Some(failure) = missing(&facts, &wanted) {
        return Err(failure.state("nothing was printed"));
    }
    let authorities = match &request.issuer_ca {
        None => None,
        Some(file) => Some(
            read_text(file)
                .map_err(|error| Failure::new(Kind::Usage, error.to_string()).caused_by(&error))?,
        ),
    };
    let ground = Ground {
        issuer: facts.issuer.as_deref().unwrap_or_default(),
        client_id: facts.client_id.as_deref().unwrap_or_default(),
        authorities: authorities.as_deref(),
        facts: &facts,
        request,
        program,
    };
    let mut pages = Vec::with_capacity(request.print.forms.len());
    for form in &request.print.forms {
        let page = match form {
            Form::AuthenticationConfiguration => api_server::page(&ground)?,
            Form::KeycloakClient => keycloak::page(&ground)?,
            Form::RoleBinding => role_binding::page(&ground)?,
            Form::Kuberc => kuberc::page(&ground)?,
        };
        for line in &page.use_it {
            world.streams().talk(line);
        }
        pages.push(page.text);
    }
    Ok(pages.join("---\n"))
}

/// What forms are filled in with.
struct Ground<'a> {
    issuer: &'a str,
    client_id: &'a str,
    /// The issuer's certificate authorities, as PEM.
    authorities: Option<&'a str>,
    facts: &'a Facts,
    request: &'a SetupRequest,
    program: &'a Path,
}

/// A file of `manifests/oidc-login`, as a tree.
fn form(text: &str) -> Result<Value, Failure> {
    serde_yaml::from_str(text).map_err(|error| broken(&error))
}

/// The tree as YAML.
fn yaml(tree: &Value) -> Result<String, Failure> {
    let options = serde_yaml::ser_options! { compact_list_indent: true };
    let mut text = String::new();
    serde_yaml::to_fmt_writer_with_options(&mut text, tree, options)
        .map_err(|error| broken(&error))?;
    Ok(text)
}

fn broken(error: &dyn std::error::Error) -> Failure {
    Failure::new(Kind::Failed, "a form cannot be filled in").caused_by(error)
}
