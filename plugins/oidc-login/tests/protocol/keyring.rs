//! The system's keyring: absent, working, locked, hanging.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::call::Call;
use crate::desk::Desk;

/// All may own and say everything: it is one user's.
const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A session bus of its own.
struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    fn start(desk: &Desk) -> Self {
        let address = format!("unix:path={}", desk.path("run/bus").display());
        // Without the machine's own services, which it would start by itself.
        let configuration = desk.path("bus.conf");
        fs::write(&configuration, CONFIGURATION).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--print-address"])
            .arg(format!("--config-file={}", configuration.display()))
            .arg(format!("--address={address}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(daemon.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with("unix:path="), "{line:?}");
        Self { daemon, address }
    }

    fn call<'a>(&self, call: Call<'a>) -> Call<'a> {
        call.with("DBUS_SESSION_BUS_ADDRESS", &self.address)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        end(&mut self.daemon);
    }
}

/// GNOME's keyring, which is what most desktops have.
struct Keyring {
    daemon: Child,
}

impl Keyring {
    /// On this bus; open, or as it was left, which is locked.
    fn start(desk: &Desk, bus: &Bus, open: bool) -> Self {
        let home = desk.path("home");
        let mut command = Command::new("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets"]);
        if open {
            command.arg("--unlock");
        }
        let mut daemon = command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &home)
            .env("XDG_DATA_HOME", home.join(".local/share"))
            .env("XDG_RUNTIME_DIR", desk.path("run"))
            .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if open {
            daemon
                .stdin
                .take()
                .unwrap()
                .write_all(b"the user's password")
                .unwrap();
        }
        let keyring = Self { daemon };
        desk.until("the keyring on the bus", || keyring.answers(bus));
        keyring
    }

    fn answers(&self, bus: &Bus) -> bool {
        let output = Command::new("dbus-send")
            .args(["--session", "--print-reply", "--dest=org.freedesktop.DBus"])
            .args([
                "/",
                "org.freedesktop.DBus.NameHasOwner",
                "string:org.freedesktop.secrets",
            ])
            .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
            .output();
        String::from_utf8_lossy(&output.unwrap().stdout).contains("boolean true")
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        end(&mut self.daemon);
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn has_keyring(test: &str) -> bool {
    for program in ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"] {
        if !Path::new("/usr/bin").join(program).exists() {
            datalab_lab::skip(test, program);
            return false;
        }
    }
    true
}

/// What `list` says of where the key lies.
fn place(call: Call<'_>) -> String {
    let output = call.run();
    assert_eq!(output.code, 0, "{output}");
    output.stdout
}

#[test]
fn without_a_keyring_the_key_is_a_file_and_that_is_said() {
    let desk = Desk::new();
    let output = desk.log_in();
    assert!(output.took < Duration::from_secs(10), "{:?}", output.took);
    desk.file("key");
    let said = place(desk.tool(["list", "-o", "wide"]));
    assert!(said.contains("key file"), "{said}");
}

#[test]
fn a_keyring_keeps_the_key_and_no_file_does() {
    if !has_keyring("a_keyring_keeps_the_key_and_no_file_does") {
        return;
    }
    let desk = Desk::new();
    let bus = Bus::start(&desk);
    let keyring = Keyring::start(&desk, &bus, true);
    bus.call(desk.get_token()).run().token();
    assert!(!desk.files().iter().any(|file| file.ends_with("key")));
    let said = place(bus.call(desk.tool(["list", "-o", "wide"])));
    assert!(said.contains("keyring"), "{said}");
    let refresh = || bus.call(desk.verb("refresh").words(["--now"])).run();
    let output = refresh();
    assert_eq!(output.code, 0, "{output}");
    assert_eq!(desk.provider.logins(), 1);
    drop(keyring);
    // The counterpart: without it the session cannot be opened, and is not lost.
    let output = refresh();
    assert_ne!(output.code, 0, "{output}");
    desk.keep("keyring-gone", &output);
    let _keyring = Keyring::start(&desk, &bus, true);
    let output = refresh();
    assert_eq!(output.code, 0, "{output}");
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn a_keyring_that_is_locked_is_named_and_the_session_waits() {
    if !has_keyring("a_keyring_that_is_locked_is_named_and_the_session_waits") {
        return;
    }
    let desk = Desk::new();
    let bus = Bus::start(&desk);
    let keyring = Keyring::start(&desk, &bus, true);
    let token = bus.call(desk.get_token()).run().token();
    drop(keyring);
    let keyring = Keyring::start(&desk, &bus, false);
    // What needs no key is served.
    assert_eq!(bus.call(desk.get_token()).run().token(), token);
    let output = bus.call(desk.verb("refresh").words(["--now"])).run();
    assert_ne!(output.code, 0, "{output}");
    assert!(output.took < Duration::from_secs(20), "{:?}", output.took);
    desk.keep("keyring-locked", &output);
    drop(keyring);
    let _keyring = Keyring::start(&desk, &bus, true);
    let output = bus.call(desk.verb("refresh").words(["--now"])).run();
    assert_eq!(output.code, 0, "{output}");
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn a_keyring_that_is_locked_from_the_start_is_done_without() {
    if !has_keyring("a_keyring_that_is_locked_from_the_start_is_done_without") {
        return;
    }
    let desk = Desk::new();
    let bus = Bus::start(&desk);
    drop(Keyring::start(&desk, &bus, true));
    let _keyring = Keyring::start(&desk, &bus, false);
    let output = bus.call(desk.get_token()).run();
    output.token();
    assert!(output.took < Duration::from_secs(30), "{:?}", output.took);
    desk.file("key");
}

#[test]
fn a_keyring_that_hangs_is_left_behind() {
    let desk = Desk::new();
    let path = desk.path("run/bus");
    let listener = UnixListener::bind(&path).unwrap();
    // It takes whoever comes, and never says a word.
    thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            kept.push(stream);
        }
    });
    let address = format!("unix:path={}", path.display());
    let hanging = |call: Call<'_>| call.with("DBUS_SESSION_BUS_ADDRESS", &address).run();
    let output = hanging(desk.get_token());
    output.token();
    assert!(output.took < Duration::from_secs(20), "{:?}", output.took);
    desk.file("key");
    // And it is not waited for again: the key is known to lie in the file.
    let output = hanging(desk.verb("refresh").words(["--now"]));
    assert_eq!(output.code, 0, "{output}");
    assert!(output.took < Duration::from_secs(2), "{:?}", output.took);
    fs::remove_file(path).unwrap();
}
