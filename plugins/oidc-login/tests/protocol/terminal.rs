//! A call of the tool by a person at a terminal.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::call::{Call, Output, check};
use crate::desk::{Desk, PATIENCE};

/// The tool, at a terminal: stdin and stderr are it, stdout is a pipe to kubectl.
pub(crate) struct Terminal<'a> {
    desk: &'a Desk,
    command: String,
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    /// Ends when nobody has the terminal open any more.
    reader: JoinHandle<()>,
}

impl<'a> Terminal<'a> {
    /// As kubectl runs it: stdout is kubectl's.
    pub(crate) fn open(desk: &'a Desk, call: Call<'_>) -> Self {
        Self::start(desk, call, false, None)
    }

    /// The same, on a screen that is this wide.
    pub(crate) fn narrow(desk: &'a Desk, call: Call<'_>, columns: u16) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        Self::start(desk, call, false, Some(size))
    }

    /// As a person runs it: stdout is the terminal, too.
    pub(crate) fn all_of_it(desk: &'a Desk, call: Call<'_>) -> Self {
        Self::start(desk, call, true, None)
    }

    fn start(desk: &'a Desk, call: Call<'_>, all: bool, size: Option<Winsize>) -> Self {
        let (words, environment, command) = call.parts();
        let pair = openpty(size.as_ref(), None).unwrap();
        let slave = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let child = Command::new("setsid")
            .args(["--ctty", "--wait", "/bin/sh", "-c", "\"$@\"; exit $?", "sh"])
            .args(words)
            .env_clear()
            .envs(environment)
            .env("TERM", "xterm-256color")
            .current_dir(desk.path("home"))
            .stdin(slave(&pair.slave))
            .stderr(slave(&pair.slave))
            .stdout(match all {
                true => slave(&pair.slave),
                false => Stdio::piped(),
            })
            .spawn()
            .unwrap();
        drop(pair.slave);
        let keyboard = File::from(pair.master);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut source, shown) = (keyboard.try_clone().unwrap(), Arc::clone(&screen));
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The last one who has the terminal open closes it: EIO.
            while let Ok(length) = source.read(&mut buffer) {
                if length == 0 {
                    break;
                }
                shown.lock().unwrap().extend_from_slice(&buffer[..length]);
            }
        });
        Self {
            desk,
            command,
            child,
            keyboard,
            screen,
            reader,
        }
    }

    pub(crate) fn screen(&self) -> String {
        let bytes = self.screen.lock().unwrap().clone();
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    }

    /// Waits until this stands on the screen.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.screen().contains(text) {
            let over = self.child.try_wait().unwrap();
            assert!(
                over.is_none() && begun.elapsed() < PATIENCE,
                "no {text:?} on the screen ({over:?}):\n{}",
                self.screen()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Sends a signal to the tool alone: a Ctrl-C would end the shell before it, and with it the
    /// terminal.
    pub(crate) fn signal(&self, signal: Signal) {
        let shell = self.child.id();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        kill(Pid::from_raw(children.trim().parse().unwrap()), signal).unwrap();
    }

    #[track_caller]
    pub(crate) fn wait(mut self) -> Output {
        let stdout = self.child.stdout.take();
        let all = stdout.is_none();
        let said = thread::spawn(move || {
            let mut text = String::new();
            if let Some(mut stdout) = stdout {
                stdout.read_to_string(&mut text).unwrap();
            }
            text
        });
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                // As a person would: Ctrl-C. It ends the sleeping tool and its parents.
                self.types("\u{3}");
                panic!("{} does not end:\n{}", self.command, self.screen());
            }
            thread::sleep(Duration::from_millis(5));
        };
        let code = status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap());
        let reader = &self.reader;
        self.desk
            .until("the end of what is shown", || reader.is_finished());
        let screen = self.screen();
        let output = Output {
            command: self.command,
            stdout: said.join().unwrap(),
            stderr: screen,
            code,
            took: begun.elapsed(),
        };
        // Where both are one, what is on the screen may have been asked for.
        if !all {
            check(&output, self.desk);
        }
        output
    }
}
