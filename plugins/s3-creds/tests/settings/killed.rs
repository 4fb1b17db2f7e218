//! kill -9 while a file is written.

use std::thread;
use std::time::Instant;

use crate::Home;

const KILLS: u32 = 30;

#[test]
fn a_killed_configure_leaves_a_file_that_can_be_gone_on_with() {
    let home = Home::new();
    // Long enough that writing it takes a while.
    let mine = format!(
        "# mine\n[profile mine]\nregion = eu\n{}",
        "# long\n".repeat(100_000)
    );
    home.write(".aws/config", mine.as_bytes());
    // How long it takes on this machine, at this moment.
    let began = Instant::now();
    assert!(home.run(&["aws", "--name", "lab"]).status.success());
    let whole = began.elapsed();
    assert!(home.run(&["aws", "--remove"]).status.success());
    let mut is_written = false;
    for kill in 0..KILLS {
        let verb = if kill % 2 == 0 { "--static" } else { "--force" };
        let mut child = home
            .configure(&["aws", "--name", "lab", verb])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // From its start to after its end.
        thread::sleep(whole * kill * 5 / KILLS / 4);
        child.kill().unwrap();
        child.wait().unwrap();
        let now = home.read(".aws/config");
        assert!(now.starts_with(&mine), "{} bytes", now.len());
        is_written |= now.contains("[profile lab]");
    }
    assert!(is_written, "all were killed before they wrote anything");
    assert!(home.run(&["aws", "--name", "lab"]).status.success());
    assert!(
        home.run(&["aws", "--name", "lab", "--remove"])
            .status
            .success()
    );
    assert!(home.read(".aws/config") == mine, "the file is another one");
    assert_eq!(home.names(".aws"), ["config"]);
}
