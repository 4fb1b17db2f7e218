use std::path::PathBuf;

use clap::Args;
use datalab_core::oidc::{Redirect, Registration};

/// How the client is registered with the issuer, where it is no public client with the usual redirect.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "How the client is registered, if not as usual")]
pub(super) struct RegistrationArgs {
    /// File with the client's secret
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// Address of this machine that the browser comes back to [default: http://127.0.0.1/callback,
    /// on any port]
    #[arg(long, value_name = "URL")]
    redirect_url: Option<Redirect>,
    /// What the login page is told beside, as in prompt=consent; can be repeated
    #[arg(long = "login-parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    login_parameters: Vec<(String, String)>,
}

impl RegistrationArgs {
    pub(super) fn into_registration(self) -> Registration {
        // Kept for calls from other folders.
        let absolute = |file: PathBuf| std::path::absolute(&file).unwrap_or(file);
        Registration {
            client_secret_file: self.client_secret_file.map(absolute),
            redirect_url: self.redirect_url,
            login_parameters: self.login_parameters.into_iter().collect(),
        }
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| "expected a name and a value, as in prompt=consent".to_owned())?;
    Registration::default().add_login_parameter(name, value)?;
    Ok((name.to_owned(), value.to_owned()))
}
