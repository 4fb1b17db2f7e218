use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr};

use openidconnect::url::form_urlencoded;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::{words::Secret, world::read_text};

/// How a client is registered with its issuer, where that is not as a public client that may come
/// back to any port of 127.0.0.1 (RFC 8252).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Registration {
    /// The file with the client's secret: RFC 6749, section 2.3.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// Where the browser comes back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<Redirect>,
    /// What the login page is asked for beside the protocol's own parameters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub login_parameters: BTreeMap<String, String>,
}

/// What the protocol itself says to the login page, and nobody else may.
const RESERVED: [&str; 12] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "login_hint",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

impl Registration {
    /// Takes over what another one says; the rest stays.
    pub fn learn(&mut self, other: &Self) {
        let Self {
            client_secret_file,
            redirect_url,
            login_parameters,
        } = other.clone();
        self.client_secret_file = client_secret_file.or(self.client_secret_file.take());
        self.redirect_url = redirect_url.or(self.redirect_url.take());
        self.login_parameters.extend(login_parameters);
    }

    /// Adds a parameter for the login page.
    ///
    /// # Errors
    /// It has no name, or one of the protocol's own.
    pub fn add_login_parameter(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "" => Err("it has no name"),
            name if RESERVED.contains(&name) => Err("the protocol says this one itself"),
            _ => {
                let value = value.to_owned();
                self.login_parameters.insert(name.to_owned(), value);
                Ok(())
            }
        }
    }

    /// Adds the parameters of a query; those of the protocol itself are left out.
    pub fn add_login_query(&mut self, query: &str) {
        for (name, value) in form_urlencoded::parse(query.trim_start_matches('?').as_bytes()) {
            let _ = self.add_login_parameter(&name, &value);
        }
    }

    /// The login page's parameters; `anew` when a password is to be asked for in any case.
    pub(super) fn parameters(&self, anew: bool) -> BTreeMap<String, String> {
        let mut parameters = self.login_parameters.clone();
        if anew {
            // Several prompts are one parameter: OpenID Connect Core, section 3.1.2.1.
            let prompt = parameters.entry("prompt".to_owned()).or_default();
            if !prompt.split(' ').any(|word| word == "login") {
                *prompt = format!("login {prompt}").trim_end().to_owned();
            }
        }
        parameters
    }

    /// Where the browser comes back to.
    pub(super) fn redirect(&self) -> Redirect {
        self.redirect_url.clone().unwrap_or_default()
    }

    /// The client's secret, if it has one; the last line break is not part of it.
    ///
    /// # Errors
    /// [`Error::ClientSecret`]: its file cannot be read, or is empty.
    pub fn client_secret(&self) -> Result<Option<Secret<String>>, Error> {
        let Some(file) = &self.client_secret_file else {
            return Ok(None);
        };
        let bad = |reason: String| Error::ClientSecret { reason };
        let text = Secret::new(read_text(file).map_err(|error| bad(error.to_string()))?);
        match text.expose().trim_end_matches(['\r', '\n']) {
            "" => Err(bad(format!("{} is empty", file.display()))),
            secret => Ok(Some(Secret::new(secret.to_owned()))),
        }
    }
}

/// An address of this machine that an issuer sends the browser back to, to the letter: RFC 8252,
/// section 7.3. Without a port, any free one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Redirect {
    host: String,
    port: Option<u16>,
    /// As it is written: with nothing at all after the port, say.
    path: String,
}

/// The literal address: RFC 8252, section 8.3.
impl Default for Redirect {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: None,
            path: "/callback".to_owned(),
        }
    }
}

impl Redirect {
    /// The one port that it may be.
    pub(super) fn port(&self) -> Option<u16> {
        self.port
    }

    /// What the browser asks for: host and port.
    pub(super) fn host(&self, port: u16) -> String {
        format!("{}:{}", self.host, self.port.unwrap_or(port))
    }

    /// The path that the browser asks for.
    pub(super) fn path(&self) -> &str {
        match self.path.as_str() {
            "" => "/",
            path => path,
        }
    }

    /// The address with this port, if it does not have one itself.
    pub(super) fn at(&self, port: u16) -> String {
        format!("http://{}{}", self.host(port), self.path)
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

impl FromStr for Redirect {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected an address of this machine, as in http://localhost:8000 or \
                            http://127.0.0.1/callback";
        let rest = text.strip_prefix("http://").ok_or(FORM)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => {
                let port: u16 = port.parse().map_err(|_| FORM)?;
                (
                    host,
                    Some(port).filter(|port| *port > 0).ok_or(FORM)?.into(),
                )
            }
            None => (authority, None),
        };
        let plain = |letter: char| letter.is_ascii_graphic() && !"?#%\\\"<>".contains(letter);
        if !["127.0.0.1", "localhost"].contains(&host) || !path.chars().all(plain) {
            return Err(FORM);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }
}

impl TryFrom<String> for Redirect {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Redirect> for String {
    fn from(redirect: Redirect) -> Self {
        redirect.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_is_kept_to_the_letter() {
        for (text, at, path) in [
            ("http://localhost:8000", "http://localhost:8000", "/"),
            ("http://localhost:8000/", "http://localhost:8000/", "/"),
            ("http://localhost", "http://localhost:7", "/"),
            ("http://127.0.0.1/a/b", "http://127.0.0.1:7/a/b", "/a/b"),
        ] {
            let redirect: Redirect = text.parse().unwrap();
            assert_eq!(redirect.to_string(), text);
            assert_eq!((redirect.at(7).as_str(), redirect.path()), (at, path));
        }
        assert_eq!(Redirect::default().to_string(), "http://127.0.0.1/callback");
        for wrong in [
            "",
            "localhost:8000",
            "https://localhost",
            "http://evil.example/callback",
            "http://localhost@evil.example/",
            "http://localhost:0/",
            "http://localhost:99999/",
            "http://localhost:8000?x=y",
            "http://[::1]/",
        ] {
            assert!(wrong.parse::<Redirect>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_protocols_own_parameters_are_nobodys_to_say() {
        let mut registration = Registration::default();
        for name in RESERVED.into_iter().chain([""]) {
            assert!(registration.add_login_parameter(name, "x").is_err());
        }
        registration.add_login_query("kc_idp_hint=corp&state=x&prompt=consent");
        let parameters = |anew| {
            registration
                .parameters(anew)
                .into_iter()
                .collect::<Vec<_>>()
        };
        let hint = ("kc_idp_hint".to_owned(), "corp".to_owned());
        let prompt = |words: &str| ("prompt".to_owned(), words.to_owned());
        assert_eq!(parameters(false), [hint.clone(), prompt("consent")]);
        assert_eq!(parameters(true), [hint, prompt("login consent")]);
        let anew = Registration::default().parameters(true);
        assert_eq!(anew.into_iter().collect::<Vec<_>>(), [prompt("login")]);
    }
}
