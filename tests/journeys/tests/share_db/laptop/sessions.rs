use std::time::{Duration, Instant};

use datalab_lab::tenant::{Release, Stage};
use nix::sys::signal::Signal;

use super::listening::{Client, Listening, SlowReader, until};
use super::{ORDERS, SUMMED, Scene};

/// Rows of the dump, of a kilobyte each.
const DUMPED: u64 = 500_000;

/// Rows of what is read slowly: much more than all buffers on the way hold.
const READ_SLOWLY: u64 = 30_000;

/// How large a row is, in bytes: 31 digests, and the line break.
const ROW: u64 = 31 * 32 + 1;

/// Rows that the server makes up, and that no compression shrinks to nothing.
fn rows(count: u64) -> String {
    format!("COPY (SELECT repeat(md5(n::text), 31) FROM generate_series(1, {count}) AS n) TO")
}

/// How many backends the colleague's login has, by the names of their clients.
fn backends(scene: &Scene, application: &str) -> usize {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'share\\_%' AND application_name LIKE '{application}'"
    );
    let count = scene.db.sql("postgres", &sql);
    count.parse().expect("because a count is a number")
}

#[test]
fn a_dump_and_thirty_sessions_go_through_one_connect() {
    let Some(stage) = Stage::required("a dump and thirty sessions go through one connect") else {
        return;
    };
    let scene = Scene::unshared(&stage, Release::named("postgresql-951239"));
    scene.grant("--connection-limit 40").ok();
    let connect = Listening::start(&scene, &["--via", "relay"]);

    let mut clients: Vec<Client> = (0..30)
        .map(|number| connect.client(&format!("client-{number}")))
        .collect();
    for client in &mut clients {
        client.say("SELECT 'open'");
    }
    for client in &mut clients {
        assert_eq!(client.row(), "open");
    }
    assert_eq!(backends(&scene, "client-%"), 30);

    // One dies, and its backend with it.
    drop(clients.pop());
    until("the backend of a killed client is gone", || {
        backends(&scene, "client-29") == 0
    });

    // One reads slowly: its session waits, and nobody else's.
    let slow = connect.psql(&format!("{} STDOUT", rows(READ_SLOWLY)));
    let mut slow = SlowReader::start(slow.env("PGAPPNAME", "slow"));
    slow.read_some();

    // The dump, while the others are served.
    let begun = Instant::now();
    let dump = format!("psql -XAtqc \"{} STDOUT\" | sha256sum", rows(DUMPED));
    let dump = connect.program(&["sh", "-c", &dump]);
    let dumped = std::thread::spawn(move || (dump.run().ok(), begun.elapsed()));
    let mut longest = Duration::ZERO;
    while !dumped.is_finished() {
        slow.read_some();
        for client in &mut clients {
            let asked = Instant::now();
            assert_eq!(client.ask(ORDERS), SUMMED.trim_end());
            longest = longest.max(asked.elapsed());
        }
    }
    let (digest, took) = dumped.join().expect("because the dump went well");
    println!("500 MB in {took:?}; the longest answer meanwhile took {longest:?}");
    let sent = format!("{} PROGRAM 'sha256sum >/tmp/digest'", rows(DUMPED));
    scene.db.sql("postgres", &sent);
    let sent = scene
        .db
        .sql("postgres", "SELECT pg_read_file('/tmp/digest')");
    assert_eq!(digest.trim_end(), sent.trim_end());

    assert_eq!(backends(&scene, "slow"), 1, "it was to be slow");
    assert_eq!(slow.finish(), READ_SLOWLY * ROW);
    assert_eq!(connect.end(Signal::SIGINT).0, Some(130));
    until("all sessions have ended", || backends(&scene, "%") == 0);
    super::relay::until_no_relay(&scene);
}

#[test]
fn the_end_of_a_tls_session_is_nobody_elses() {
    let Some(stage) = Stage::required("the end of a TLS session is nobody else's") else {
        return;
    };
    let scene = Scene::unshared(&stage, Release::named("postgresql-951239").tls_required());
    scene.grant("--connection-limit 40").ok();
    let notebook = scene.x.pod("notebook");
    for way in [&["--via", "relay"], &["--pod", notebook.name()]] {
        let connect = Listening::start(&scene, way);
        let mut stays = connect.client("stays");
        let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(stays.ask(encrypted), "t");
        let backend = stays.ask("SELECT pg_backend_pid()");
        // One after the other,
        for _ in 0..4 {
            assert_eq!(connect.psql(ORDERS).run().ok(), SUMMED);
        }
        // side by side, some of them by being killed.
        let mut clients: Vec<Client> = (0..6).map(|_| connect.client("leaves")).collect();
        for client in &mut clients {
            assert_eq!(client.ask(encrypted), "t");
        }
        clients.truncate(3);
        clients.into_iter().for_each(Client::leave);
        until("those who left are gone", || {
            backends(&scene, "leaves") == 0
        });
        assert_eq!(stays.ask("SELECT pg_backend_pid()"), backend, "{way:?}");
        assert_eq!(connect.psql(ORDERS).run().ok(), SUMMED);
        drop(stays);
        let (code, said) = connect.end(Signal::SIGTERM);
        assert_eq!(code, Some(143), "{said}");
        assert!(!said.contains("error"), "{said}");
    }
}
