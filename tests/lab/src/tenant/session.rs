//! A database session that stays open while the story goes on.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A statement of a story is answered at once; this is for a busy machine.
const ANSWER: Duration = Duration::from_secs(30);

/// Ends every answer; no row of a story reads so.
const END: &str = "-- end of answer --";

/// An open psql in a pod. Dropping it closes it.
pub struct Session {
    client: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    complaints: Option<JoinHandle<String>>,
}

impl Session {
    #[track_caller]
    pub(super) fn new(mut client: Child, password: &str) -> Self {
        let mut stdin = client
            .stdin
            .take()
            .expect("because the client's stdin is piped");
        let _ = writeln!(stdin, "{password}");
        let stdout = BufReader::new(
            client
                .stdout
                .take()
                .expect("because the client's stdout is piped"),
        );
        let mut stderr = client
            .stderr
            .take()
            .expect("because the client's stderr is piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        let complaints = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut session = Self {
            client,
            stdin,
            lines,
            complaints: Some(complaints),
        };
        let greeting = session.ask("SELECT 'open'");
        assert_eq!(greeting.as_deref(), Ok("open"), "the session does not open");
        session
    }

    /// Runs SQL and hands out the rows; a statement that fails has none and leaves the session open.
    ///
    /// # Errors
    /// When the session is closed: what psql said until then.
    ///
    /// # Panics
    /// When the answer takes more than 30 s.
    #[track_caller]
    pub fn ask(&mut self, sql: &str) -> Result<String, String> {
        let sent = writeln!(self.stdin, "{sql};\n\\echo {END}").and_then(|()| self.stdin.flush());
        let mut rows = Vec::new();
        while sent.is_ok() {
            match self.lines.recv_timeout(ANSWER) {
                Ok(line) if line == END => return Ok(rows.join("\n")),
                Ok(line) => rows.push(line),
                Err(error) => {
                    assert!(
                        error != std::sync::mpsc::RecvTimeoutError::Timeout,
                        "no answer to {sql:?} after {ANSWER:?}"
                    );
                    break;
                }
            }
        }
        let _ = self.client.wait();
        let complaints = self.complaints.take().and_then(|reader| reader.join().ok());
        Err(complaints.unwrap_or_default())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
