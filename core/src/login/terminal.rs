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
        let mut lines = vec![format!(
            "log in at {} on any device ({}); whoever enters the code lets this machine in:",
            self.issuer, self.reason
        )];
        if self.someone_reads()
            && let Some(picture) = picture(page)
        {
            lines.push(picture);
        }
        lines.push(page.to_owned());
        lines.push(format!(
            "code {}, good for {} min",
            code.code,
            code.lifetime.as_secs().div_ceil(60)
        ));
        self.say(&lines.join("\n"));
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

/// A page's address as a picture that a telephone reads.
fn picture(page: &str) -> Option<String> {
    let code = QrCode::new(page).ok()?;
    Some(code.render::<Dense1x2>().quiet_zone(true).build())
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
        let picture = picture("https://idp.example/device?user_code=ABCD-EFGH").unwrap();
        assert!(picture.lines().count() > 10);
    }
}
