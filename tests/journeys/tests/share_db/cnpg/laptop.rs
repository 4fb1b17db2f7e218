use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout};

use super::Scene;
use crate::share::program;

/// Each line of input is asked in a session of its own, and answered by a line.
const ASK_EACH: &str =
    "while IFS= read -r sql; do psql -qAtc \"$sql\" 2>/dev/null || echo failed; done";

/// The colleague at a laptop, with one `connect` by a relay that goes on for the whole story.
pub(super) struct Laptop {
    connect: Child,
    stdin: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Laptop {
    #[track_caller]
    pub(super) fn connect(scene: &Scene, share: &str) -> Self {
        let tool = program("kubectl-datalab-share_db", &scene.x);
        let tool = tool.to_string_lossy();
        let line = [
            tool.as_ref(),
            "connect",
            share,
            "--via",
            "relay",
            "--",
            "sh",
            "-c",
            ASK_EACH,
        ];
        let connect = scene.x.program(line);
        let mut connect = connect
            .env("DATALAB_RELAY_IMAGE", scene.stage.image())
            .spawn();
        let stdout = connect.stdout.take();
        Self {
            stdin: connect.stdin.take(),
            answers: BufReader::new(stdout.expect("because stdout is piped")).lines(),
            connect,
        }
    }

    /// The only row of an answer, or `failed`.
    #[track_caller]
    pub(super) fn ask(&mut self, sql: &str) -> String {
        let stdin = self.stdin.as_mut();
        writeln!(stdin.expect("because the input is open"), "{sql}")
            .expect("because connect goes on");
        let answer = self.answers.next().and_then(Result::ok);
        answer.expect("because connect goes on")
    }
}

impl Drop for Laptop {
    fn drop(&mut self) {
        // The end of the input is the end of the command, and connect removes its relay.
        drop(self.stdin.take());
        let _ = self.connect.wait();
    }
}
