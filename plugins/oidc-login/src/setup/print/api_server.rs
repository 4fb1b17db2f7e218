use datalab_core::report::Failure;
use serde_json::json;

use super::{Ground, Page, form, yaml};

const FORM: &str =
    include_str!("../../../../../manifests/oidc-login/authentication-configuration.yaml");

/// What an API server of 1.34 or later is told by `--authentication-config`.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration>
pub(super) fn page(ground: &Ground<'_>) -> Result<Page, Failure> {
    let mut tree = form(FORM)?;
    let request = &ground.request.print;
    let authenticator = &mut tree["jwt"][0];
    authenticator["issuer"]["url"] = ground.issuer.into();
    authenticator["issuer"]["audiences"] = json!([ground.client_id]);
    if let Some(authorities) = ground.authorities {
        authenticator["issuer"]["certificateAuthority"] = authorities.into();
    }
    let mappings = &mut authenticator["claimMappings"];
    mappings["username"] = json!({ "claim": request.username_claim, "prefix": request.prefix });
    mappings["groups"]["prefix"] = request.prefix.clone().into();
    Ok(Page {
        text: yaml(&tree)?,
        use_it: vec![
            "# kube-apiserver --authentication-config=FILE, on Kubernetes 1.34 or later; it excludes all --oidc-* flags".to_owned(),
            "# a change of the file counts some ten seconds later, without a restart".to_owned(),
        ],
    })
}
