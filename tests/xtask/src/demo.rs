//! `cargo xtask demo`: the main story, with real output.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use datalab_lab::tenant::{Login, Output, Pod, Release, Stage, Tenant};
use datalab_lab::{Lab, LabName};

use crate::{cargo::build_plugins, lab::Console};

type Failure = Box<dyn Error + Send + Sync>;

/// Where to show it.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// A context of your own kubeconfig (kind, k3d, k3s, minikube) instead of the lab
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// Shows the story. A step that does not go as told ends it with the transcript.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    say("Building the plugins.")?;
    let bin = build_plugins()?;
    let stage = match &options.context {
        Some(context) => Stage::on_context(context),
        None => {
            say(
                "Starting the lab: a real Kubernetes on this machine. The first time its servers are built, which takes a while.",
            )?;
            let name: LabName = "lab".parse()?;
            let (lab, _) = Lab::up(&name, &mut Console::new())?;
            Stage::in_lab(&lab)
        }
    };
    tell(&stage, &bin, options.context.is_none())?;
    Ok(ExitCode::SUCCESS)
}

fn tell(stage: &Stage, bin: &Path, in_the_lab: bool) -> Result<(), Failure> {
    let play = stage.play_by_name();
    say(
        "\nTwo data scientists, me and x, and somebody else, y, each with a namespace as the platform makes them.",
    )?;
    let (me, x, y) = (play.tenant("me"), play.tenant("x"), play.tenant("y"));
    let database = me
        .postgres(Release::named("postgresql-951239").friendly_name("sales"))
        .ready();
    let (pod_x, pod_y) = (x.pod("notebook"), y.pod("notebook"));
    pod_y.until_unreachable(database.host());

    say(&format!(
        "{} has a PostgreSQL database from the catalogue. {} wants to read it.\n",
        me.namespace(),
        x.namespace()
    ))?;
    command(
        &me,
        &[
            "kubectl",
            "datalab",
            "share-db",
            "postgres",
            "--with",
            x.namespace(),
        ],
    )?;

    let share = format!("{}/{}", me.namespace(), database.fullname());
    let login = shared_login(&x, &share)?;
    pod_x.until_reachable(database.host());
    say(&format!(
        "\nFrom a pod of {}, with the login that only it can read:",
        x.namespace()
    ))?;
    let query = "SELECT count(*), sum(amount) FROM sales.orders";
    asked(&pod_x, &login, query, true)?;
    asked(&pod_x, &login, "DELETE FROM sales.orders", false)?;
    asked(&pod_x, &login, "SELECT rolpassword FROM pg_authid", false)?;

    say(&format!(
        "\nFrom a pod of {}, even with the very same login:",
        y.namespace()
    ))?;
    asked(&pod_y, &login, query, false)?;
    let secret = command_output(
        &y,
        &[
            "kubectl", "datalab", "share-db", "connect", &share, "--print", "env",
        ],
    )?;
    expect(&secret, false)?;

    say("\nWho has what, and the way back:")?;
    command(&me, &["kubectl", "datalab", "share-db", "list"])?;
    command(
        &me,
        &[
            "kubectl",
            "datalab",
            "share-db",
            "revoke",
            "postgres",
            "--with",
            x.namespace(),
        ],
    )?;
    pod_x.until_unreachable(database.host());
    say(&format!("\nFrom the pod of {} again:", x.namespace()))?;
    asked(&pod_x, &login, query, false)?;

    if in_the_lab {
        play.keep();
        say(&format!(
            "\nTry next:\n  eval \"$(cargo xtask lab env)\" && PATH=\"{}:$PATH\" && kubectl datalab share-db postgres --with {} --access write --as {} -n {}\nEnd the lab with: cargo xtask lab down",
            bin.display(),
            y.namespace(),
            me.user(),
            me.namespace()
        ))?;
    } else {
        say(
            "\nThe namespaces of this story are removed again. Try next, in a namespace of yours that has a database:\n  kubectl datalab share-db postgres --with NAMESPACE --dry-run=client",
        )?;
    }
    Ok(())
}

/// Runs a command as a tenant and shows it; it has to succeed.
fn command(tenant: &Tenant, line: &[&str]) -> Result<(), Failure> {
    expect(&command_output(tenant, line)?, true)
}

fn command_output(tenant: &Tenant, line: &[&str]) -> Result<Output, Failure> {
    let output = tenant.run(line.iter().copied());
    say(&format!(
        "{}@{}$ {}",
        tenant.user(),
        tenant.namespace(),
        line.join(" ")
    ))?;
    say(&format!("{}{}", output.stdout(), output.stderr()))?;
    Ok(output)
}

/// Runs SQL from a pod and shows it.
fn asked(pod: &Pod, login: &Login, sql: &str, succeeds: bool) -> Result<(), Failure> {
    say(&format!(
        "{}$ psql -h {} -c '{sql}'",
        pod.namespace(),
        login.host
    ))?;
    let output = pod.psql(login, sql);
    say(&format!("{}{}", output.stdout(), output.stderr()))?;
    expect(&output, succeeds)
}

fn expect(output: &Output, succeeds: bool) -> Result<(), Failure> {
    if output.succeeded() == succeeds {
        Ok(())
    } else {
        Err(format!("the story went another way:\n{output}").into())
    }
}

/// The login as its owner reads it, through the tool's own `connect`.
fn shared_login(tenant: &Tenant, share: &str) -> Result<Login, Failure> {
    let line = [
        "kubectl", "datalab", "share-db", "connect", share, "--print", "pgpass",
    ];
    let output = tenant.run(line);
    expect(&output, true)?;
    let fields: Vec<String> = output
        .stdout()
        .trim_end()
        .split(':')
        .map(str::to_owned)
        .collect();
    let [host, port, database, user, password] =
        <[String; 5]>::try_from(fields).map_err(|_| "the login is not of five parts")?;
    Ok(Login {
        host,
        port: port.parse()?,
        database,
        user,
        password,
    })
}

fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{}", text.trim_end_matches('\n'))
}
