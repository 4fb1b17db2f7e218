use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};

use datalab_lab::tenant::Stage;

/// Ends what one script wrote; none writes it itself.
const END: &str = "-- end of script --";

/// A shell in a pod that stays open: starting one for every look would take longer than the look.
pub(super) struct Shell {
    kubectl: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Shell {
    #[track_caller]
    pub(super) fn in_pod(stage: &Stage, namespace: &str, pod: &str) -> Self {
        let exec = ["exec", "--stdin", "--namespace", namespace, pod, "--", "sh"];
        let mut kubectl = stage.kubectl(exec).spawn();
        let stdin = kubectl.stdin.take().expect("because stdin is piped");
        let stdout = kubectl.stdout.take().expect("because stdout is piped");
        Self {
            kubectl,
            stdin,
            stdout: BufReader::new(stdout),
        }
    }

    /// Runs a script and hands out what it wrote to stdout. Scripts reach the shell by its stdin, so a
    /// password in one stands in no argument list.
    #[track_caller]
    pub(super) fn run(&mut self, script: &str) -> String {
        writeln!(self.stdin, "{script} </dev/null\necho '{END}'")
            .and_then(|()| self.stdin.flush())
            .expect("because the shell in the pod reads");
        let mut said = String::new();
        loop {
            let from = said.len();
            let read = self
                .stdout
                .read_line(&mut said)
                .expect("because a shell writes text");
            assert!(read > 0, "the shell in the pod has ended; it said:\n{said}");
            if said[from..].trim_end() == END {
                said.truncate(from);
                return said;
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
