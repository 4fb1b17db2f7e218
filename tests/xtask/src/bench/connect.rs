//! `connect` beside `kubectl port-forward`, both to the same relay pod.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use datalab_lab::tenant::{Database, Tenant};

use super::{
    Failure,
    measure::{interleaved, timed},
    output,
    share_db::Scene,
    table::Row,
};

/// How often each way is gone.
const ROUNDS: usize = 9;

/// Rows of a large answer, of 8000 bytes each.
const LARGE: usize = 25_000;

/// Questions one after another.
const QUESTIONS: usize = 2_000;

/// Sessions side by side.
const SESSIONS: usize = 30;

/// Throughput, round trips, and many sessions at once.
pub(super) fn rows(
    scene: &Scene,
    me: &Tenant,
    x: &Tenant,
    database: &Database,
) -> Result<Vec<Row>, Failure> {
    let mut grant = scene.tool(me.kubeconfig());
    let limit = format!("--connection-limit={}", 4 * SESSIONS);
    output(grant.args(["postgres", "--with", x.namespace(), &limit]))?;

    let share = format!("{}/{}", me.namespace(), database.fullname());
    let mut connect = scene.tool(x.kubeconfig());
    connect.args([
        "connect", &share, "--via", "relay", "--listen", "--print", "uri",
    ]);
    let ours = Background::start(&mut connect)?;
    let uri = ours.line.trim().to_owned();
    let select = "--selector=datalab/purpose=share-db-relay";
    let mut get = scene.command(&scene.kubectl, x.kubeconfig());
    let pod = output(get.args(["get", "pods", select, "--output=name"]))?;
    // One for each measurement: when a session ends by a reset, kubectl ends all others with it.
    let forward = || -> Result<(Background, String), Failure> {
        let mut forward = scene.command(&scene.kubectl, x.kubeconfig());
        forward.args(["port-forward", pod.trim(), ":15432"]);
        let forward = Background::start(&mut forward)?;
        let uri = by_port_of(&forward.line, &uri).ok_or("kubectl names no port")?;
        Ok((forward, uri))
    };

    let large =
        format!("COPY (SELECT repeat('x', 8000) FROM generate_series(1, {LARGE})) TO STDOUT");
    let questions = "SELECT 1;\n".repeat(QUESTIONS);
    let beside_forward = |statements: &str| {
        interleaved(
            ROUNDS,
            || timed(|| psql(&uri, statements)),
            || {
                let (_forward, uri) = forward()?;
                timed(|| psql(&uri, statements))
            },
        )
    };
    let throughput = beside_forward(&large)?;
    let round_trip = beside_forward(&questions)?;
    let ours_at_once = at_once(&uri)?;
    let (peer, peer_uri) = forward()?;
    let peer_at_once = at_once(&peer_uri)?;
    drop(peer);
    let rate = |time: Duration| {
        format!(
            "{:.0} MB/s",
            (LARGE * 8001) as f64 / 1e6 / time.as_secs_f64()
        )
    };
    let trip = |time: Duration| format!("{:.0} µs", time.as_secs_f64() * 1e6 / QUESTIONS as f64);
    let faster = 1.0 / throughput.ratio();
    Ok(vec![
        Row {
            what: "connect, throughput",
            ours: rate(throughput.ours),
            peer: format!("{}, port-forward", rate(throughput.peer)),
            value: format!("{faster:.2} ×"),
            target: "≥ 1.0 ×",
            met: faster >= 1.0,
        },
        Row {
            what: "connect, round trip",
            ours: trip(round_trip.ours),
            peer: format!("{}, port-forward", trip(round_trip.peer)),
            value: format!("{:.2} ×", round_trip.ratio()),
            target: "≤ 0.8 ×",
            met: round_trip.ratio() <= 0.8,
        },
        Row {
            what: "connect, 30 sessions at once",
            ours: ours_at_once.to_string(),
            peer: format!("{peer_at_once}, port-forward"),
            value: format!("{} of {SESSIONS}", ours_at_once.served),
            target: "30 of 30",
            met: ours_at_once.served == SESSIONS,
        },
    ])
}

/// The same login, by the port in `Forwarding from 127.0.0.1:40183 -> 15432`.
fn by_port_of(forwarding: &str, uri: &str) -> Option<String> {
    let (_, port) = forwarding.split_once("127.0.0.1:")?;
    let (port, _) = port.split_once(' ')?;
    let (before, after) = uri.split_once("@127.0.0.1:")?;
    let (_, database) = after.split_once('/')?;
    Some(format!("{before}@127.0.0.1:{port}/{database}"))
}

/// Runs statements in one session; what they answer is thrown away.
fn psql(uri: &str, statements: &str) -> Result<(), Failure> {
    let mut child = client(uri).stdin(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("no input")?;
    stdin.write_all(statements.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("psql: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(())
}

/// How many of several sessions were served, and how long it took.
struct AtOnce {
    served: usize,
    took: Duration,
}

impl fmt::Display for AtOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} ms", self.served, self.took.as_millis())
    }
}

fn at_once(uri: &str) -> Result<AtOnce, Failure> {
    let mut served = 0;
    let took = timed(|| {
        let sessions: Vec<Child> = (0..SESSIONS)
            .map(|_| {
                client(uri)
                    .args(["--command", "SELECT pg_sleep(0.2)"])
                    .spawn()
            })
            .collect::<Result<_, _>>()?;
        for session in sessions {
            served += usize::from(session.wait_with_output()?.status.success());
        }
        Ok(())
    })?;
    Ok(AtOnce { served, took })
}

/// psql, which is given the login by its environment: arguments can be read by everybody.
fn client(uri: &str) -> Command {
    let mut command = Command::new("psql");
    let (login, place) = uri
        .trim_start_matches("postgresql://")
        .split_once('@')
        .unwrap_or_default();
    let (user, password) = login.split_once(':').unwrap_or_default();
    let (address, database) = place.split_once('/').unwrap_or_default();
    let (host, port) = address.split_once(':').unwrap_or_default();
    command
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
        .env("PGUSER", user)
        .env("PGPASSWORD", password)
        .env("PGHOST", host)
        .env("PGPORT", port)
        .env("PGDATABASE", database)
        .env("PGSSLMODE", "disable")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// A program that keeps a port open, and the first line it printed.
struct Background {
    child: Child,
    line: String,
    /// Kept open: kubectl ends when nobody reads what it says of each connection.
    _out: BufReader<ChildStdout>,
}

impl Background {
    fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("no output")?;
        let mut out = BufReader::new(out);
        out.read_line(&mut line)?;
        Ok(Self {
            child,
            line,
            _out: out,
        })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // SIGINT, so that a relay is removed; it would end by itself as well.
        let _ = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        let _ = self.child.wait();
    }
}
