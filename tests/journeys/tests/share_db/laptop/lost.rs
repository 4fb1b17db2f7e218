use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::thread;
use std::time::Duration;

use datalab_lab::tenant::{Release, Stage};
use nix::sys::signal::Signal;

use super::{
    Scene,
    relay::{Held, until_no_relay},
};

/// The laptop's way to the API server, which can be lost: bytes stay away, and nobody is told.
struct Wire {
    address: String,
    lost: Arc<AtomicBool>,
}

impl Wire {
    fn to(server: &str) -> Self {
        let listener =
            TcpListener::bind("127.0.0.1:0").expect("because this machine has a free port");
        let address = listener
            .local_addr()
            .expect("because a listener has an address")
            .to_string();
        let lost = Arc::<AtomicBool>::default();
        let (server, is_lost) = (server.to_owned(), Arc::clone(&lost));
        thread::spawn(move || {
            for laptop in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else {
                    continue;
                };
                for (from, to) in [(&laptop, &server), (&server, &laptop)] {
                    let (from, to) = (from.try_clone(), to.try_clone());
                    let is_lost = Arc::clone(&is_lost);
                    if let (Ok(from), Ok(to)) = (from, to) {
                        thread::spawn(move || carry(from, to, &is_lost));
                    }
                }
            }
        });
        Self { address, lost }
    }

    fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_lost: &AtomicBool) {
    let mut piece = [0; 16 * 1024];
    while let Ok(size @ 1..) = from.read(&mut piece) {
        while is_lost.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_secs(1));
        }
        if to.write_all(&piece[..size]).is_err() {
            break;
        }
    }
    // An end is lost like everything else.
    while is_lost.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_secs(1));
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn nothing_of_the_relay_is_left_when_the_network_is_lost() {
    let Some(stage) = Stage::required("nothing of the relay is left when the network is lost")
    else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));
    let view = ["config", "view", "--minify", "--output"];
    let server = "jsonpath={.clusters[0].cluster.server}";
    let server = scene.x.kubectl([&view, &[server][..]].concat()).ok();
    let server = server.trim_start_matches("https://");
    let (host, _) = server.rsplit_once(':').expect("because the lab has a port");
    let wire = Wire::to(server);
    let by_wire = format!("https://{}", wire.address);
    let held = Held::start(
        &scene,
        &[
            "--via",
            "relay",
            "--server",
            &by_wire,
            "--tls-server-name",
            host,
        ],
    );
    assert!(scene.relays().contains("pod/"), "{}", scene.relays());

    wire.lose();
    until_no_relay(&scene);
    held.signal(Signal::SIGKILL);
    held.end();
}
