use super::{Error, Platform};
use crate::http::{self, Client, Patience};

/// The page, below the API's address.
const PAGE: &str = "/public/configuration";

impl Platform {
    /// Asks the platform at this address, which is that of its pages or of its API.
    ///
    /// # Errors
    /// [`Error`]: there is no answer, or it is something else.
    pub async fn fetch(client: &Client, address: &str) -> Result<Self, Error> {
        let configuration = Self::ask(client, address).await?;
        Self::parse(&configuration, &configuration_url(address))
    }

    /// The same without reading what it says, for who keeps it.
    ///
    /// # Errors
    /// [`Error`]: there is no answer of success.
    pub async fn ask(client: &Client, address: &str) -> Result<Vec<u8>, Error> {
        let url = configuration_url(address);
        let answer = client
            .send_patiently(http::get(&url)?, Patience::USUAL)
            .await?;
        if !answer.is_success() {
            return Err(Error::Status {
                url,
                status: answer.status.as_u16(),
            });
        }
        Ok(answer.body)
    }
}

/// Where a platform tells its configuration: its address may be that of its pages or of its API,
/// with or without `https://` and a slash at its end.
pub fn configuration_url(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let address = address.trim().trim_end_matches('/');
    let address = address.strip_suffix(PAGE).unwrap_or(address);
    let scheme = match address.contains("://") {
        true => "",
        false => "https://",
    };
    let api = match address.ends_with("/api") {
        true => "",
        false => "/api",
    };
    format!("{scheme}{address}{api}{PAGE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_paste_what_they_have() {
        for address in [
            "https://datalab.example.org",
            "https://datalab.example.org/",
            "https://datalab.example.org/api",
            "https://datalab.example.org/api/",
            "https://datalab.example.org/?lang=fr#top",
            "https://datalab.example.org/api/public/configuration",
            " datalab.example.org ",
        ] {
            assert_eq!(
                configuration_url(address),
                "https://datalab.example.org/api/public/configuration",
                "{address}"
            );
        }
        assert_eq!(
            configuration_url("https://example.org/onyxia/"),
            "https://example.org/onyxia/api/public/configuration"
        );
    }
}
