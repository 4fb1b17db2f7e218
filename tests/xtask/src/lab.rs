//! `cargo xtask lab`: starts, ends and shows the lab's clusters.

use std::env;
use std::error::Error;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Subcommand};
use datalab_lab::ceph::{Ceph, Key, ROLES};
use datalab_lab::keycloak::{Keycloak, REALM, STRICT_REALM};
use datalab_lab::versitygw::{self, VersityGw};
use datalab_lab::{
    Condition, Event, FindError, LAB_VARIABLE, Lab, LabName, Outcome, Status, down, init, policy,
};

type Failure = Box<dyn Error + Send + Sync>;

/// What can be done with a lab.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the lab, or find it up; builds its servers on first use
    Up(Which),
    /// End the lab and remove every trace of it
    Down(Which),
    /// Show how the lab fares; exit code 1 when it is not up
    Status(Which),
    /// Print what a shell needs: eval "$(cargo xtask lab env)"
    Env(Which),
    /// Start Keycloak in the lab, or find it running, and print what a client needs
    Keycloak(Which),
    /// Start Ceph's object store in the lab, or find it running, and print what a client needs
    Ceph(Which),
    /// Start VersityGW, which speaks as AWS does, in the lab, or find it running, and print what a client
    /// needs
    Versitygw(Which),
    /// The first process of a lab
    #[command(hide = true)]
    Init {
        /// The lab's state file
        #[arg(long)]
        state: PathBuf,
    },
    /// What enforces NetworkPolicies in a lab
    #[command(hide = true)]
    PolicyEngine {
        /// A kubeconfig that works inside the lab
        #[arg(long)]
        kubeconfig: PathBuf,
    },
}

/// Which lab.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The lab's name; several labs run side by side
    #[arg(long, default_value = "lab")]
    name: LabName,
}

/// Does what the command says; the exit code is the answer to `status`.
pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Up(Which { name }) => up(&name)?,
        Command::Down(Which { name }) => {
            let existed = down(&name, &mut Console::new())?;
            let said = if existed { "is down" } else { "was not up" };
            writeln!(io::stderr(), "lab {name} {said}")?;
        }
        Command::Status(Which { name }) => return status(&name),
        Command::Env(Which { name }) => print_env(&Lab::find(&name)?)?,
        Command::Keycloak(Which { name }) => print_keycloak(&Lab::find(&name)?.keycloak()?)?,
        Command::Ceph(Which { name }) => print_ceph(&Lab::find(&name)?.ceph()?)?,
        Command::Versitygw(Which { name }) => print_versitygw(&Lab::find(&name)?.versitygw()?)?,
        Command::Init { state } => match init::run(&state, &env::current_exe()?)? {},
        Command::PolicyEngine { kubeconfig } => enforce(&kubeconfig)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn up(name: &LabName) -> Result<(), Failure> {
    let began = Instant::now();
    let (lab, outcome) = Lab::up(name, &mut Console::new())?;
    let said = match outcome {
        Outcome::AlreadyUp => "was up already".to_owned(),
        Outcome::Started => format!("is up after {:.1} s", began.elapsed().as_secs_f64()),
    };
    let option = if name.as_str() == "lab" {
        String::new()
    } else {
        format!(" --name {name}")
    };
    writeln!(
        io::stderr(),
        "lab {name} {said}: {}\nuse it: eval \"$(cargo xtask lab env{option})\"",
        lab.kubeconfig().display()
    )?;
    Ok(())
}

fn enforce(kubeconfig: &Path) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(policy::enforce(kubeconfig))?)
}

fn status(name: &LabName) -> Result<ExitCode, Failure> {
    let lab = match Lab::find(name) {
        Ok(lab) => lab,
        Err(error @ FindError::NotUp { .. }) => {
            writeln!(io::stderr(), "{error}")?;
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    let status = lab.status();
    print_status(&lab, &status, &mut io::stdout().lock())?;
    Ok(if status.is_healthy() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print_status(lab: &Lab, status: &Status, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{:<24} {:>8}  STATE", "PART", "PID")?;
    writeln!(out, "{:<24} {:>8}  running", "init", lab.init_pid())?;
    for part in &status.parts {
        let pid = part
            .pid
            .map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let mut state = match &part.report.condition {
            Condition::Running if part.runs() => "running".to_owned(),
            Condition::Running => "gone".to_owned(),
            Condition::Ended(how) => format!("ended: {how}; see {}", part.report.log.display()),
        };
        if part.report.restarts > 0 {
            state.push_str(&format!(" (restarted {} times)", part.report.restarts));
        }
        writeln!(out, "{:<24} {pid:>8}  {state}", part.report.name)?;
    }
    let node = match status.node_ready {
        Some(true) => "ready",
        Some(false) => "not ready",
        None => "unknown: the API server does not answer",
    };
    let known = |version: &Option<String>| version.as_deref().unwrap_or("unknown").to_owned();
    writeln!(out, "\nnode: {node}")?;
    writeln!(out, "Kubernetes: {}", known(&status.server_version))?;
    writeln!(out, "runtime: {}", known(&status.runtime_version))?;
    writeln!(out, "files: {}", lab.state_dir().display())
}

fn print_keycloak(keycloak: &Keycloak) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for realm in [REALM, STRICT_REALM] {
        writeln!(out, "issuer: {}", keycloak.issuer(realm))?;
    }
    let authority = keycloak.certificate_authority();
    writeln!(out, "certificate authority: {}", authority.display())
}

fn print_ceph(ceph: &Ceph) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "S3, STS and IAM: {}", ceph.url())?;
    writeln!(out, "without TLS: {}", ceph.plain_url())?;
    let authority = ceph.certificate_authority();
    writeln!(out, "certificate authority: {}", authority.display())?;
    for role in ROLES {
        writeln!(out, "role: {}", ceph.role_arn(role))?;
    }
    print_key(&ceph.administrator(), &mut out)
}

fn print_versitygw(gateway: &VersityGw) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "S3: {}", gateway.url())?;
    writeln!(out, "STS and IAM: {}", gateway.sts_url())?;
    let authority = gateway.certificate_authority();
    writeln!(out, "certificate authority: {}", authority.display())?;
    for role in versitygw::ROLES {
        writeln!(out, "role: {}", gateway.role_arn(role))?;
    }
    print_key(&gateway.administrator(), &mut out)
}

fn print_key(administrator: &Key, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "administrator: AWS_ACCESS_KEY_ID={}", administrator.id)?;
    let secret = &administrator.secret;
    writeln!(out, "               AWS_SECRET_ACCESS_KEY={secret}")
}

fn print_env(lab: &Lab) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "export KUBECONFIG={}", quoted(&lab.kubeconfig()))?;
    writeln!(out, "export {LAB_VARIABLE}={}", quoted(&lab.state_file()))?;
    writeln!(out, "export PATH={}:\"$PATH\"", quoted(&lab.bin()))
}

/// A path as one word of a POSIX shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

/// Progress on stderr: a line for each step that is done, and on a terminal the one that runs.
#[derive(Debug)]
pub(crate) struct Console {
    running: Vec<String>,
    terminal: bool,
}

impl Console {
    pub(crate) fn new() -> Self {
        Self {
            running: Vec::new(),
            terminal: io::stderr().is_terminal(),
        }
    }

    fn show(&mut self, event: Event) -> io::Result<()> {
        let mut err = io::stderr().lock();
        if self.terminal {
            // Back to the start of the line, and clear it.
            write!(err, "\r\x1b[K")?;
        }
        match event {
            Event::Started { step } => self.running.push(step),
            Event::Finished { step, took } => {
                self.running.retain(|running| *running != step);
                writeln!(err, "{:>7.1} s  {step}", took.as_secs_f64())?;
            }
            Event::Note(text) => writeln!(err, "{text}")?,
        }
        if self.terminal && !self.running.is_empty() {
            write!(err, "      …    {}", self.running.join(", "))?;
        }
        err.flush()
    }
}

impl datalab_lab::Progress for Console {
    fn report(&mut self, event: Event) {
        // A lab is worth starting even when nobody can be shown how.
        let _ = self.show(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_quote_stays_one_word() {
        assert_eq!(quoted(Path::new("/a'b c")), r"'/a'\''b c'");
    }
}
