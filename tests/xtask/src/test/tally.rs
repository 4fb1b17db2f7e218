//! What was run, how long it took and what came of it.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write as _};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

type Failure = Box<dyn Error + Send + Sync>;

/// The count of a whole run.
#[derive(Debug)]
pub(super) struct Tally {
    passed: u64,
    failed: u64,
    skips: Vec<String>,
    failures: Vec<String>,
    phases: Vec<(String, Duration)>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            passed: 0,
            failed: 0,
            skips: Vec::new(),
            failures: Vec::new(),
            phases: Vec::new(),
        }
    }

    /// Runs a part of the whole and notes how long it took.
    pub(super) fn phase<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        say(&format!("\n== {name}"));
        let began = Instant::now();
        let result = work(self);
        self.phases.push((name.to_owned(), began.elapsed()));
        result
    }

    /// Counts one check.
    pub(super) fn check(&mut self, name: &str, passed: bool) {
        if passed {
            self.passed += 1;
            say(&format!("ok: {name}"));
        } else {
            self.failed += 1;
            self.failures.push(name.to_owned());
            say(&format!("FAILED: {name}"));
        }
    }

    /// Counts a command as one check.
    pub(super) fn command(&mut self, name: &str, command: &mut Command) -> Result<(), Failure> {
        let status = command.status().map_err(|error| {
            format!("{name}: cannot start {:?}: {error}", command.get_program())
        })?;
        self.check(name, status.success());
        Ok(())
    }

    /// Runs cargo's tests, shows what they print, and counts what each of their closing lines says.
    pub(super) fn tests(&mut self, command: Command) -> Result<(), Failure> {
        self.add(Count::of(command, say)?);
        Ok(())
    }

    /// Runs two of them at once. What the second prints is shown when it has ended: lines of both among
    /// each other could not be read.
    pub(super) fn tests_beside(&mut self, first: Command, second: Command) -> Result<(), Failure> {
        let (first, second) = thread::scope(|scope| {
            let second = scope.spawn(|| {
                let mut said = String::new();
                let count = Count::of(second, |line| {
                    said.push_str(line);
                    said.push('\n');
                });
                say(&said);
                count
            });
            (Count::of(first, say), second.join())
        });
        self.add(first?);
        self.add(second.map_err(|_| "what the tests said could not be read")??);
        Ok(())
    }

    fn add(&mut self, count: Count) {
        self.passed += count.passed;
        self.failed += count.failed;
        self.failures.extend(count.failures);
    }

    /// Takes in the tests that said they were skipped, a line each.
    pub(super) fn skipped(&mut self, lines: &str) {
        self.skips.extend(lines.lines().map(str::to_owned));
    }

    /// Says it all, the count last.
    pub(super) fn close(self) -> ExitCode {
        say("");
        for (name, took) in &self.phases {
            say(&format!("{:>5.1} min  {name}", took.as_secs_f64() / 60.0));
        }
        let total: Duration = self.phases.iter().map(|(_, took)| *took).sum();
        say(&format!("{:>5.1} min  in all", total.as_secs_f64() / 60.0));
        for skip in &self.skips {
            say(skip);
        }
        for failure in &self.failures {
            say(&format!("failed: {failure}"));
        }
        let skips = match self.skips.len() {
            0 => String::new(),
            skips => format!(", {skips} skipped"),
        };
        say(&format!(
            "{} passed, {} failed{skips}",
            self.passed, self.failed
        ));
        if self.failed == 0 && self.passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// What became of one of cargo's runs.
#[derive(Debug, Default)]
struct Count {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

impl Count {
    /// Runs it to its end; each line goes to `show` when it is there.
    fn of(mut command: Command, mut show: impl FnMut(&str)) -> Result<Self, Failure> {
        let mut count = Self::default();
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("cargo's output is not piped")?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            show(&line);
            if let Some((passed, failed)) = counts(&line) {
                count.passed += passed;
                count.failed += failed;
            } else if let Some(name) = line
                .strip_prefix("test ")
                .and_then(|line| line.strip_suffix(" ... FAILED"))
            {
                count.failures.push(name.to_owned());
            }
        }
        // Something that did not even build has no closing line.
        if !child.wait()?.success() && count.failed == 0 {
            count.failed = 1;
            count.failures.push("cargo test".to_owned());
        }
        Ok(count)
    }
}

/// `test result: ok. 14 passed; 0 failed; 0 ignored; …` as its first two numbers.
fn counts(line: &str) -> Option<(u64, u64)> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut numbers = numbers.split("; ");
    let passed = numbers.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = numbers.next()?.strip_suffix(" failed")?.parse().ok()?;
    Some((passed, failed))
}

fn say(line: &str) {
    // Whoever reads this has gone away; the exit code is left to tell.
    let _ = writeln!(io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let line = "test result: FAILED. 14 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(counts(line), Some((14, 2)));
        assert_eq!(counts("test x ... ok"), None);
    }

    #[test]
    fn a_run_that_tested_nothing_has_failed() {
        let exit = format!("{:?}", Tally::new().close());
        assert_eq!(exit, format!("{:?}", ExitCode::FAILURE));
    }
}
