use datalab_core::report::Failure;

use super::{Ground, Page, form, yaml};

const FORM: &str = include_str!("../../../../../manifests/oidc-login/kuberc.yaml");

/// kubectl runs this credential plugin and no other.
///
/// <https://kubernetes.io/docs/reference/kubectl/kuberc/>
pub(super) fn page(ground: &Ground<'_>) -> Result<Page, Failure> {
    let mut tree = form(FORM)?;
    tree["credentialPluginAllowlist"][0]["command"] = ground.program.display().to_string().into();
    Ok(Page {
        text: yaml(&tree)?,
        use_it: vec![
            "# ~/.kube/kuberc, for kubectl 1.36 or later; 1.35 wants `name` for `command`".to_owned(),
            "# other credential plugins of yours need entries of their own, or kubectl runs them no more".to_owned(),
            "# the list covers the command, not the variables that a kubeconfig sets for it (`exec.env`): BROWSER, SSL_CERT_FILE, HTTPS_PROXY, XDG_*".to_owned(),
        ],
    })
}
