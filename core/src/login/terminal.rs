use std::path::Path;

use qrcode::{QrCode, render::unicode::Dense1x2};

use super::Flow;
use crate::{
    oidc::{DeviceCode, Error, LoginWay, Pending, Person},
    report::printable,
    world::{Environment, World},
};

/// A person at the other end of standard error, or nobody.
#[derive(Debug)]
pub struct Terminal<'w> {
    world: &'w World,
    issuer: String,
    flow: Flow,
    /// Whether pages are only shown, and the user opens them.
    shows_only: bool,
    /// Whether a login that waits elsewhere is to be finished here.
    joins: bool,
    reason: &'static str,
}

impl<'w> Terminal<'w> {
    /// Whoever sits there, if somebody does, for a login at this issuer.
    pub fn new(world: &'w World, issuer: &str, flow: Flow) -> Self {
        Self {
            world,
            issuer: issuer.to_owned(),
            flow,
            shows_only: false,
            joins: false,
            reason: "",
        }
    }

    /// For a user who has come to log in; `shows_only`: pages are shown, and the user opens them.
    #[must_use]
    pub fn deliberate(mut self, shows_only: bool) -> Self {
        self.shows_only = shows_only;
        self.joins = true;
        self
    }

    fn someone_reads(&self) -> bool {
        self.world.streams().talk_is_terminal()
    }

    fn say(&self, line: &str) {
        self.world.streams().talk(&printable(line));
    }
}

impl Person for Terminal<'_> {
    fn way(&mut self, device_possible: bool) -> Result<LoginWay, Error> {
        let (way, reason) = match self.flow {
            Flow::Browser => (LoginWay::Browser, "as asked for"),
            Flow::Device => (LoginWay::Device, "as asked for"),
            Flow::Auto => facts(self.world.environment(), Path::exists),
        };
        self.reason = reason;
        let chosen = self.flow != Flow::Auto || self.joins;
        match way {
            LoginWay::Device if !device_possible && self.flow == Flow::Auto => {
                self.reason = "the issuer has no codes for other devices";
                self.shows_only = true;
                Ok(LoginWay::Browser)
            }
            // A code that nobody reads would be waited for in vain.
            LoginWay::Device if !chosen && !self.someone_reads() => Err(Error::LoginNeeded {
                issuer: self.issuer.clone(),
                reason: Some(format!(
                    "no browser can be used here ({reason}), and nobody is at a terminal"
                )),
            }),
            way => Ok(way),
        }
    }

    fn page(&mut self, url: &str) -> Result<(), Error> {
        let host = self.issuer.clone();
        if self.shows_only {
            self.say(&format!(
                "log in at {host} ({}); open in a browser of this machine:\n{url}",
                self.reason
            ));
            return Ok(());
        }
        self.say(&format!(
            "logging in at {host} in the browser ({})",
            self.reason
        ));
        match self.world.open_browser(url) {
            Ok(()) if self.someone_reads() => {
                self.say(&format!("if no page opens, open it yourself:\n{url}"));
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(_) if self.someone_reads() || self.joins => {
                self.say(&format!(
                    "no browser could be started; open it yourself:\n{url}"
                ));
                Ok(())
            }
            Err(error) => Err(Error::NoWay {
                way: "browser",
                reason: error.to_string(),
            }),
        }
    }

    fn code(&mut self, code: &DeviceCode) {
        let page = code.page_with_code.as_deref().unwrap_or(&code.page);
        let before = format!(
            "log in at {} on any device ({}); whoever enters the code lets this machine in:\n",
            self.issuer, self.reason
        );
        let after = format!(
            "{page}\ncode {}, good for {} min",
            code.code,
            code.lifetime.as_secs().div_ceil(60)
        );
        let streams = self.world.streams();
        let picture = self.someone_reads().then(|| {
            picture(
                page,
                streams.talk_columns(),
                has_colours(self.world.environment()),
            )
        });
        let picture = picture.flatten().unwrap_or_default();
        // The picture is our own, colours and all.
        streams.talk(&format!(
            "{}{picture}{}",
            printable(&before),
            printable(&after)
        ));
    }

    fn waiting(&mut self, pending: Option<&Pending>, holder: Option<u32>) {
        // A refresh takes a moment; only a login is worth a word.
        let Some(pending) = pending else { return };
        let by = holder
            .map(|pid| format!(" of process {pid}"))
            .unwrap_or_default();
        if self.joins {
            let opened = !self.shows_only && self.world.open_browser(&pending.url).is_ok();
            let how = if opened {
                "in the browser"
            } else {
                "on this page"
            };
            self.say(&format!(
                "the login{by} can be finished {how}:\n{}",
                pending.url
            ));
        } else if self.someone_reads() {
            self.say(&format!(
                "waiting for the login{by}, which any browser can finish:\n{}",
                pending.url
            ));
        }
        if let Some(code) = pending
            .code
            .as_ref()
            .filter(|_| self.joins || self.someone_reads())
        {
            self.say(&format!("code {code}"));
        }
    }

    fn note(&mut self, line: &str) {
        self.say(line);
    }
}

/// The way that is open on this machine, and the fact that says so.
fn facts(environment: &Environment, exists: impl Fn(&Path) -> bool) -> (LoginWay, &'static str) {
    let set = |names: &[&str]| names.iter().any(|name| environment.get(name).is_some());
    if set(&["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"]) {
        return (LoginWay::Device, "this is an SSH session");
    }
    if set(&["BROWSER"]) {
        return (LoginWay::Browser, "BROWSER names one");
    }
    // Windows' own browser is a command away, and reaches this loopback.
    if set(&["WSL_DISTRO_NAME", "WSL_INTEROP"]) {
        return (LoginWay::Browser, "this is WSL");
    }
    let marks = ["/.dockerenv", "/run/.containerenv"];
    if set(&["KUBERNETES_SERVICE_HOST"]) || marks.iter().any(|mark| exists(Path::new(mark))) {
        return (LoginWay::Device, "this is a container");
    }
    if cfg!(target_os = "linux") && !set(&["DISPLAY", "WAYLAND_DISPLAY"]) {
        return (LoginWay::Device, "there is no display");
    }
    (LoginWay::Browser, "there is a display")
}

/// Black on white (ECMA-48, SGR), which is what a telephone looks for: on a dark screen it would
/// see the picture's negative, and not all of them read that.
const BLACK_ON_WHITE: &str = "\u{1b}[30;47m";

/// The screen's own colours.
const OWN_COLOURS: &str = "\u{1b}[0m";

/// Whether the screen has colours, and its user wants them (<https://no-color.org>).
fn has_colours(environment: &Environment) -> bool {
    let terminal = environment.text("TERM");
    environment.get("NO_COLOR").is_none() && terminal.is_some_and(|name| name != "dumb")
}

/// A page's address as a picture that a telephone reads, with a final newline; `None` where the
/// screen is too narrow for it, which would break its lines.
fn picture(page: &str, columns: Option<usize>, has_colours: bool) -> Option<String> {
    let code = QrCode::new(page).ok()?;
    let picture = code.render::<Dense1x2>().quiet_zone(true).build();
    let width = picture.lines().map(|line| line.chars().count()).max()?;
    if columns.is_some_and(|columns| columns < width) {
        return None;
    }
    let (on, off) = match has_colours {
        true => (BLACK_ON_WHITE, OWN_COLOURS),
        false => ("", ""),
    };
    let lines = picture.lines().map(|line| format!("{on}{line}{off}\n"));
    Some(lines.collect())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn way(variables: &[(&str, &str)], container: bool) -> LoginWay {
        let (world, _) = World::test(Timestamp::UNIX_EPOCH, variables.iter().copied());
        facts(world.environment(), |_| container).0
    }

    #[test]
    fn facts_decide() {
        let display = ("DISPLAY", ":0");
        assert_eq!(way(&[display], false), LoginWay::Browser);
        assert_eq!(way(&[("WAYLAND_DISPLAY", "w")], false), LoginWay::Browser);
        assert_eq!(way(&[], false), LoginWay::Device);
        assert_eq!(way(&[display, ("SSH_TTY", "t")], false), LoginWay::Device);
        assert_eq!(way(&[display], true), LoginWay::Device);
        assert_eq!(
            way(&[display, ("KUBERNETES_SERVICE_HOST", "h")], false),
            LoginWay::Device
        );
        assert_eq!(way(&[("WSL_DISTRO_NAME", "d")], false), LoginWay::Browser);
        assert_eq!(way(&[("BROWSER", "b")], true), LoginWay::Browser);
    }

    #[test]
    fn a_picture_has_room_around_it() {
        let page = "https://idp.example/device?user_code=ABCD-EFGH";
        let plain = picture(page, None, false).unwrap();
        assert!(plain.lines().count() > 10);
        let width = plain.lines().next().unwrap().chars().count();
        assert_eq!(picture(page, Some(width), false).as_deref(), Some(&*plain));
        assert_eq!(picture(page, Some(width - 1), false), None);
        let coloured = picture(page, None, true).unwrap();
        for (coloured, plain) in coloured.lines().zip(plain.lines()) {
            assert_eq!(coloured, format!("{BLACK_ON_WHITE}{plain}{OWN_COLOURS}"));
        }
    }

    #[test]
    fn colours_are_for_who_wants_and_has_them() {
        let has = |variables: &[(&str, &str)]| {
            let (world, _) = World::test(Timestamp::UNIX_EPOCH, variables.iter().copied());
            has_colours(world.environment())
        };
        assert!(has(&[("TERM", "xterm")]));
        assert!(!has(&[("TERM", "xterm"), ("NO_COLOR", "1")]));
        assert!(!has(&[("TERM", "dumb")]));
        assert!(!has(&[]));
    }
}
