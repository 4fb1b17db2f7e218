//! Whether a client can log in, asked before anybody has to.

use openidconnect::url::{Url, form_urlencoded};

use super::{Error, Provider, Registration};
use crate::{
    http::{self, Patience},
    world::World,
};

/// Where nobody listens: the provider is only to say whether it would send a browser there.
const PORT: u16 = 65535;

/// What a provider thinks of a client's wish to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientCheck {
    /// It would show its login page.
    Welcome,
    /// It shows an error page: it does not know the client, or not the redirect address.
    NotWelcome {
        /// The page's status.
        status: u16,
    },
    /// It knows the client and the address, and says what it does not like.
    Refused {
        /// The error code, `invalid_scope` say.
        code: String,
        /// What it adds.
        description: Option<String>,
    },
}

impl Provider {
    /// Asks the provider for its login page, as a browser would be sent there, and goes no
    /// further. Not every provider tells all that is wrong at this point.
    ///
    /// # Errors
    /// [`Error`]: it does not answer.
    pub async fn check_client(
        &self,
        client_id: &str,
        scopes: &[String],
        registration: &Registration,
        http: &http::Client,
        world: &World,
    ) -> Result<ClientCheck, Error> {
        let mut random = [0; 32];
        world.fill_random(&mut random)?;
        // 43 characters, as the hash of a verifier has; nobody will ever know the verifier.
        let value = data_encoding::BASE64URL_NOPAD.encode(&random);
        let mut scope = vec!["openid"];
        scope.extend(
            scopes
                .iter()
                .map(String::as_str)
                .filter(|scope| *scope != "openid"),
        );
        let redirect = registration.redirect().at(PORT);
        let mut url: Url = self.metadata.authorization_endpoint().url().clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", &redirect)
            .append_pair("scope", &scope.join(" "))
            .append_pair("state", &value)
            .append_pair("nonce", &value)
            .append_pair("code_challenge", &value)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(registration.parameters(false));
        let request = ::http::Request::get(url.as_str())
            .header(::http::header::ACCEPT, "text/html")
            .body(Vec::new())
            .map_err(|error| Error::BadAnswer {
                what: "discovery",
                reason: error.to_string(),
            })?;
        match http.send_patiently(request, Patience::USUAL).await {
            Ok(answer) if matches!(answer.status.as_u16(), 400..=499) => {
                Ok(ClientCheck::NotWelcome {
                    status: answer.status.as_u16(),
                })
            }
            Ok(answer) if answer.status.is_server_error() => Err(Error::Unavailable {
                what: "the login page",
                status: answer.status.as_u16(),
            }),
            Ok(_) => Ok(ClientCheck::Welcome),
            Err(http::Error::Redirected { to, .. }) => Ok(redirected(&to, &redirect)),
            Err(error) => Err(error.into()),
        }
    }
}

/// A redirect leads to the login page, or back with an error.
fn redirected(to: &str, redirect: &str) -> ClientCheck {
    let Some(query) = to
        .strip_prefix(redirect)
        .and_then(|rest| rest.strip_prefix(['?', '#']))
    else {
        return ClientCheck::Welcome;
    };
    let mut code = None;
    let mut description = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "error" => code = Some(value.into_owned()),
            "error_description" => description = Some(value.into_owned()),
            _ => {}
        }
    }
    match code {
        Some(code) => ClientCheck::Refused { code, description },
        None => ClientCheck::Welcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIRECT: &str = "http://127.0.0.1:65535/callback";

    #[test]
    fn an_error_that_comes_back_is_told_from_a_login_page() {
        assert_eq!(
            redirected("https://idp.example/login?error=none", REDIRECT),
            ClientCheck::Welcome
        );
        assert_eq!(
            redirected(&format!("{REDIRECT}?code=1"), REDIRECT),
            ClientCheck::Welcome
        );
        assert_eq!(
            redirected(
                &format!(
                    "{REDIRECT}?error=invalid_scope&error_description=Invalid+scopes%3A+openid+nope&state=x"
                ),
                REDIRECT
            ),
            ClientCheck::Refused {
                code: "invalid_scope".to_owned(),
                description: Some("Invalid scopes: openid nope".to_owned())
            }
        );
        assert_eq!(
            redirected("http://127.0.0.1:65535/callback-not?error=x", REDIRECT),
            ClientCheck::Welcome
        );
    }
}
