//! The command beside connect, and the port without one.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::tenant::{Release, Stage};
use nix::sys::signal::Signal;

use super::listening::{send, until};
use super::{ORDERS, SUMMED, Scene};

#[test]
fn the_command_is_its_own_master() {
    let Some(stage) = Stage::required("the command is its own master") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));
    let _notebook = scene.x.pod("notebook");

    for (script, code) in [
        ("exit 7", 7),
        ("kill -TERM $$", 143),
        ("psql -Xqc nonsense", 1),
    ] {
        let ended = scene.connect(&["--", "sh", "-c", script]);
        assert_eq!(ended.code(), Some(code), "{script}: {ended}");
    }
    let nowhere = scene.connect(&["--", "no-such-program"]).fails_with(125);
    assert!(nowhere.contains("the command was not started"), "{nowhere}");

    // Ctrl-C in psql ends the question, and neither psql nor its connection.
    let mut terminal = Terminal::open(&scene, "psql -XAtP pager=off");
    terminal.types("SELECT 40 + 2;\n");
    terminal.shows("42\r\n");
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'";
    terminal.types("SELECT pg_sleep(600);\n");
    until("psql waits", || scene.db.sql("postgres", sleeps) == "1");
    let cancelled = Instant::now();
    terminal.types("\u{3}");
    terminal.shows("canceling statement due to user request");
    terminal.types("SELECT 40 + 3 FROM pg_sleep(1);\n");
    terminal.shows("43\r\n");
    // psql waits for the server to close what it asked to cancel by: said again, that would take as
    // long as a database is waited for, 15 s, and cancel the next question too.
    let took = cancelled.elapsed();
    assert!(took < Duration::from_secs(12), "{took:?}");
    terminal.types("\\q\n");
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn every_printed_form_logs_in_by_the_local_port() {
    let Some(stage) = Stage::required("every printed form logs in by the local port") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));
    let _notebook = scene.x.pod("notebook");
    let ask = format!("psql -XAtqc '{ORDERS}'");
    for (form, script) in [
        (None, "IFS=: read -r PGHOST PGPORT; export PGHOST PGPORT PGUSER=nobody; psql -wc 'SELECT 1' 2>&1 | grep -o 'no password supplied'".to_owned()),
        (Some("env"), format!("eval \"$(cat)\"; {ask}")),
        (Some("uri"), format!("IFS= read -r PGDATABASE; psql -XAtqc '{ORDERS}' -d \"$PGDATABASE\"")),
        (
            Some("pgpass"),
            format!("umask 077; cat >pass; export PGPASSFILE=pass; IFS=: read -r PGHOST PGPORT PGDATABASE PGUSER _ <pass; export PGHOST PGPORT PGDATABASE PGUSER; {ask} -w"),
        ),
    ] {
        let words = form.map_or_else(Vec::new, |form| vec!["--print", form]);
        let mut connect = scene.connecting(&[&["--listen"], &words[..]].concat()).spawn();
        let mut out = BufReader::new(connect.stdout.take().expect("because stdout is piped"));
        let mut printed = String::new();
        while !printed.ends_with('\n') || (form == Some("env") && !printed.contains("unset ")) {
            let read = out.read_line(&mut printed);
            assert!(read.is_ok_and(|size| size > 0), "it ends: {printed}");
        }
        let script = format!("cd \"$HOME\"; {script}");
        let asked = scene.x.program(["sh", "-c", &script]).input(printed).run();
        let expected = if form.is_some() { SUMMED } else { "no password supplied\n" };
        assert_eq!(asked.ok(), expected, "{form:?}");
        send(Signal::SIGINT, &connect);
        let code = connect.wait().expect("because the child is ours").code();
        assert_eq!(code, Some(130), "{form:?}");
    }
}

/// A connect on a terminal of its own.
struct Terminal {
    program: Child,
    shown: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Terminal {
    #[track_caller]
    fn open(scene: &Scene, command: &str) -> Self {
        let (tool, share) = (scene.tool.display(), &scene.share);
        // Not beside a shell, which would take the Ctrl-C for its own at the end.
        let line = format!("exec {tool} connect {share} -- {command}");
        let script = [
            "script",
            "--quiet",
            "--return",
            "--command",
            &line,
            "/dev/null",
        ];
        let mut program = scene.x.program(script).spawn();
        let mut out = program.stdout.take().expect("because stdout is piped");
        let shown = std::sync::Arc::<std::sync::Mutex<String>>::default();
        let seen = std::sync::Arc::clone(&shown);
        thread::spawn(move || {
            let mut piece = [0; 1024];
            while let Ok(size @ 1..) = out.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..size]);
                seen.lock()
                    .expect("because no reader panics")
                    .push_str(&text);
            }
        });
        Self { program, shown }
    }

    #[track_caller]
    fn types(&mut self, keys: &str) {
        let keyboard = self.program.stdin.as_mut();
        let keyboard = keyboard.expect("because stdin is piped");
        let typed = keyboard.write_all(keys.as_bytes());
        typed.expect("because the terminal is open");
    }

    /// Waits until this is shown.
    #[track_caller]
    fn shows(&self, text: &str) {
        let begun = Instant::now();
        loop {
            let shown = self.shown.lock().expect("because no reader panics");
            if shown.contains(text) {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no {text:?} in {shown}"
            );
            drop(shown);
            thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn end(mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            let ended = self.program.try_wait().expect("because the child is ours");
            if let Some(status) = ended {
                return status.code();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
            thread::sleep(Duration::from_millis(50));
        }
    }
}
