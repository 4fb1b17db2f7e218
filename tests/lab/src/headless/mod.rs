//! A browser without a window, and the person before it: plays Keycloak's real pages.
//!
//! It goes where it is sent, types the password where one is asked for, says yes or no where consent is
//! asked for, and follows the redirect to the program that waits on this machine. With a jar it keeps
//! cookies between two visits, as windows of one browser do: then the second needs no password.

mod jar;
mod page;

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use url::Url;

use crate::file::{FileError, fail};
use crate::https::{self, Answer, Client, Request};
use crate::lock::{self, Lock};
use jar::Jar;
use page::{Form, Page};

/// No login has so many pages: whoever goes on leads in a circle.
const PAGES: usize = 20;

/// What a person does with a page that asks for a username and a password.
#[derive(Clone, Debug)]
pub struct Person {
    /// Her name.
    pub user: String,
    /// Her password.
    pub password: String,
    /// Whether she refuses what a program asks for.
    pub denies: bool,
}

/// What went wrong on the way.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable is not set.
    #[error("{0} is not set")]
    Variable(&'static str),
    /// A server did not answer.
    #[error(transparent)]
    Https(#[from] https::Error),
    /// The jar is in use and cannot be waited for.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The password was refused.
    #[error("the password of {user} is refused: {text}")]
    Refused {
        /// Whose.
        user: String,
        /// What the page says.
        text: String,
    },
    /// A page leads nowhere.
    #[error("no way on from {address}: {text}")]
    Lost {
        /// The page.
        address: String,
        /// What is wrong with it.
        text: String,
    },
}

/// A browser, and who sits before it.
#[derive(Clone, Debug)]
pub struct Browser {
    person: Person,
    client: Client,
    jar: Option<PathBuf>,
    log: Option<PathBuf>,
}

/// Where a visit came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The last address.
    pub address: String,
    /// The status code there.
    pub status: u16,
    /// What a person reads there.
    pub text: String,
}

impl Browser {
    /// A browser that trusts this authority, with cookies of its own for each visit.
    ///
    /// # Errors
    /// When the authority cannot be read.
    pub fn new(person: Person, authority: &Path) -> Result<Self, Error> {
        Ok(Self {
            person,
            client: Client::trusting(authority)?,
            jar: None,
            log: None,
        })
    }

    /// The browser that the environment describes: `DATALAB_BROWSER_USER`, `DATALAB_BROWSER_PASSWORD` and
    /// `DATALAB_BROWSER_CA` (a file in PEM) say who sits before it and what is trusted;
    /// `DATALAB_BROWSER_JAR` names a file for cookies, `DATALAB_BROWSER_LOG` one that gets a line whenever a
    /// password is typed; `DATALAB_BROWSER_DENY=1` refuses consent.
    ///
    /// # Errors
    /// When one of the first three is not set, or the authority cannot be read.
    pub fn from_env() -> Result<Self, Error> {
        let text = |name| env::var(name).map_err(|_| Error::Variable(name));
        let person = Person {
            user: text("DATALAB_BROWSER_USER")?,
            password: text("DATALAB_BROWSER_PASSWORD")?,
            denies: env::var("DATALAB_BROWSER_DENY").is_ok_and(|value| value == "1"),
        };
        let file = |name| env::var_os(name).map(PathBuf::from);
        let mut browser = Self::new(person, Path::new(&text("DATALAB_BROWSER_CA")?))?;
        browser.jar = file("DATALAB_BROWSER_JAR");
        browser.log = file("DATALAB_BROWSER_LOG");
        Ok(browser)
    }

    /// Keeps cookies in this file.
    #[must_use]
    pub fn with_jar(mut self, jar: &Path) -> Self {
        self.jar = Some(jar.to_owned());
        self
    }

    /// Opens an address and goes on until there is nothing left to do.
    ///
    /// # Errors
    /// When a password is refused, or a page leads nowhere.
    pub fn visit(&self, address: &str) -> Result<Visit, Error> {
        let _lock = match &self.jar {
            Some(jar) => Some(Lock::acquire(&jar.with_extension("lock"), || {})?),
            None => None,
        };
        let mut jar = Jar::read(self.jar.as_deref());
        let visit = self.walk(address, &mut jar);
        let kept = jar.write();
        let jar = self.jar.clone().unwrap_or_default();
        kept.map_err(fail("write", &jar))?;
        visit
    }

    fn walk(&self, address: &str, jar: &mut Jar) -> Result<Visit, Error> {
        let mut url = Url::parse(address).map_err(|_| https::Error::Address(address.to_owned()))?;
        let mut form: Option<Form> = None;
        let mut has_typed = false;
        for _ in 0..PAGES {
            let answer = self.ask(&url, form.take(), jar)?;
            if let Some(next) = answer.header("Location")
                && (300..400).contains(&answer.status())
            {
                url = url
                    .join(next)
                    .map_err(|_| lost(&url, "a redirect to nowhere"))?;
                continue;
            }
            let page = Page::read(&answer.text());
            let Some((action, next)) = self.fill(&page, &mut has_typed)? else {
                return Ok(Visit {
                    address: url.into(),
                    status: answer.status(),
                    text: page.text,
                });
            };
            url = url
                .join(&action)
                .map_err(|_| lost(&url, "a form for nobody"))?;
            form = Some(next);
        }
        Err(lost(&url, "too many pages"))
    }

    fn ask(&self, url: &Url, form: Option<Form>, jar: &mut Jar) -> Result<Answer, Error> {
        let mut request = match form {
            Some(form) => Request::form(url.as_str(), form)?,
            None => Request::get(url.as_str())?,
        };
        let cookies = jar.of(url);
        if !cookies.is_empty() {
            request = request.header("Cookie", cookies);
        }
        let request = request
            .header("User-Agent", "Mozilla/5.0 (headless; kubectl-datalab)")
            .header("Accept-Language", "en");
        let answer = self.client.send(&request)?;
        for cookie in answer.headers("Set-Cookie") {
            jar.take(url, cookie);
        }
        Ok(answer)
    }

    /// The form that goes on from a page, filled in, and where it is sent.
    fn fill(&self, page: &Page, has_typed: &mut bool) -> Result<Option<(String, Form)>, Error> {
        for form in &page.forms {
            if form.has("password") {
                if std::mem::replace(has_typed, true) {
                    return Err(Error::Refused {
                        user: self.person.user.clone(),
                        text: page.text.clone(),
                    });
                }
                self.note_password()?;
                return Ok(Some(form.filled(&[
                    ("username", &self.person.user),
                    ("password", &self.person.password),
                ])));
            }
            if form.has("accept") || form.has("cancel") {
                let pressed = if self.person.denies {
                    "cancel"
                } else {
                    "accept"
                };
                return Ok(Some(form.pressed(pressed)));
            }
        }
        Ok(None)
    }

    /// Tells whoever counts that a person had to type.
    fn note_password(&self) -> Result<(), Error> {
        let Some(log) = &self.log else { return Ok(()) };
        let noted = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .and_then(|mut log| writeln!(log, "typed the password of {}", self.person.user));
        Ok(noted.map_err(fail("write", log))?)
    }
}

fn lost(url: &Url, text: &str) -> Error {
    Error::Lost {
        address: url.to_string(),
        text: text.to_owned(),
    }
}
