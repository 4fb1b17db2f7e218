use std::io;

use thiserror::Error;
use webbrowser::{Browser, BrowserOptions};

/// No browser could be started.
#[derive(Debug, Error)]
#[error("no browser could be started")]
pub struct BrowserError(#[from] io::Error);

impl super::World {
    /// Opens a page in the user's browser, which `BROWSER` names, or the desktop. It runs beside us,
    /// without any of our streams; whether a person sees the page is not known.
    ///
    /// # Errors
    /// [`BrowserError`].
    pub fn open_browser(&self, url: &str) -> Result<(), BrowserError> {
        #[cfg(unix)]
        if let Some(variable) = self.environment().text("BROWSER")
            && named::start(variable, url)
        {
            return Ok(());
        }
        let mut options = BrowserOptions::new();
        options.with_suppress_output(true);
        Ok(webbrowser::open_browser_with_options(
            Browser::Default,
            url,
            &options,
        )?)
    }
}

/// What `BROWSER` names. The library would run one for text (`lynx`, `w3m`) in the foreground, with
/// our standard output, and wait for its end, while the page waits for our answer.
#[cfg(unix)]
mod named {
    use std::process::{Command, Stdio};

    /// Starts the first of the commands that can be started; whether one could.
    pub(super) fn start(variable: &str, url: &str) -> bool {
        commands(variable, url).any(|(program, arguments)| {
            Command::new(program)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .is_ok()
        })
    }

    /// Commands with their arguments, divided by colons and blanks. The page takes the place of
    /// `%s`, or stands last; `%c` is a colon and `%%` a percent sign.
    fn commands(variable: &str, url: &str) -> impl Iterator<Item = (String, Vec<String>)> {
        variable.split(':').filter_map(move |command| {
            let mut has_page = false;
            let mut words = command.split_ascii_whitespace().map(|word| {
                let (word, is_page) = expanded(word, url);
                has_page |= is_page;
                word
            });
            let program = words.next()?;
            let mut arguments: Vec<_> = words.collect();
            if !has_page {
                arguments.push(url.to_owned());
            }
            Some((program, arguments))
        })
    }

    /// One pass, so that nothing in the page's address is expanded in turn.
    fn expanded(word: &str, url: &str) -> (String, bool) {
        let mut text = String::new();
        let mut has_page = false;
        let mut rest = word.chars();
        while let Some(letter) = rest.next() {
            match (letter, rest.clone().next()) {
                ('%', Some('s')) => {
                    text.push_str(url);
                    has_page = true;
                }
                ('%', Some('c')) => text.push(':'),
                ('%', Some('%')) => text.push('%'),
                _ => {
                    text.push(letter);
                    continue;
                }
            }
            rest.next();
        }
        (text, has_page)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_page_is_given_once_and_as_it_is() {
            const PAGE: &str = "https://a/?b=%s&c=%25";
            for (variable, expected) in [
                ("lynx", vec![vec!["lynx", PAGE]]),
                ("a -n %s -q", vec![vec!["a", "-n", PAGE, "-q"]]),
                (
                    "a:: b --page=%s",
                    vec![vec!["a", PAGE], vec!["b", &format!("--page={PAGE}")]],
                ),
                ("a %c%%s %x %", vec![vec!["a", ":%s", "%x", "%", PAGE]]),
                (" : ", vec![]),
            ] {
                let commands: Vec<_> = commands(variable, PAGE)
                    .map(|(program, arguments)| [vec![program], arguments].concat())
                    .collect();
                assert_eq!(commands, expected, "{variable:?}");
            }
        }
    }
}
