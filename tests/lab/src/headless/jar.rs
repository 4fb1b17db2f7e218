//! Cookies, kept in a file between two visits.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

/// One cookie. What is not asked for here, such as SameSite, makes no difference to a single tab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cookie {
    host: String,
    path: String,
    name: String,
    value: String,
}

/// The cookies of a browser.
#[derive(Debug)]
pub(super) struct Jar {
    file: Option<PathBuf>,
    cookies: Vec<Cookie>,
}

impl Jar {
    /// What the file holds; nothing when there is no file.
    pub(super) fn read(file: Option<&Path>) -> Self {
        let kept = file.and_then(|file| fs::read(file).ok());
        let cookies = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        Self {
            file: file.map(Path::to_owned),
            cookies: cookies.unwrap_or_default(),
        }
    }

    pub(super) fn write(&self) -> io::Result<()> {
        match &self.file {
            Some(file) => fs::write(file, serde_json::to_vec_pretty(&self.cookies)?),
            None => Ok(()),
        }
    }

    /// The value of the header `Cookie` for this address.
    pub(super) fn of(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        let fitting = self
            .cookies
            .iter()
            .filter(|cookie| cookie.host == host && url.path().starts_with(cookie.path.as_str()));
        let pairs: Vec<String> = fitting
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        pairs.join("; ")
    }

    /// Takes the value of a header `Set-Cookie` from this address.
    pub(super) fn take(&mut self, url: &Url, header: &str) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let mut cookie = Cookie {
            host: url.host_str().unwrap_or_default().to_owned(),
            path: "/".to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let mut is_over = false;
        for part in parts {
            match part.split_once('=') {
                Some((key, path)) if key.eq_ignore_ascii_case("Path") => {
                    path.clone_into(&mut cookie.path);
                }
                // Keycloak takes a cookie back by both, and gives none another end that a test lives to see.
                Some((key, "0")) if key.eq_ignore_ascii_case("Max-Age") => is_over = true,
                _ => {}
            }
        }
        self.cookies.retain(|kept| {
            (&kept.host, &kept.path, &kept.name) != (&cookie.host, &cookie.path, &cookie.name)
        });
        if !is_over {
            self.cookies.push(cookie);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_goes_back_to_where_it_came_from_until_it_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jar");
        let url = |text: &str| Url::parse(text).unwrap();
        let realm = url("https://h:8443/realms/a/login");
        let mut jar = Jar::read(Some(&file));
        jar.take(&realm, "A=1; Version=1; Path=/realms/a/; Secure; HttpOnly");
        jar.take(&realm, "B=2;Path=/;Max-Age=60");
        jar.take(&realm, "A=3;Path=/realms/a/");
        jar.write().unwrap();

        let mut jar = Jar::read(Some(&file));
        assert_eq!(jar.of(&realm), "B=2; A=3");
        assert_eq!(jar.of(&url("https://h:8443/realms/b/")), "B=2");
        assert_eq!(jar.of(&url("http://127.0.0.1:1/callback")), "");
        jar.take(&realm, "A=;Path=/realms/a/;Max-Age=0");
        assert_eq!(jar.of(&realm), "B=2");
    }
}
