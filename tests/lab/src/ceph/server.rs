//! A lab's Ceph as processes: started once, found by everybody else.

use std::panic;
use std::sync::Mutex;
use std::thread;

use super::cluster::Cluster;
use super::{CLIENTS, Ceph, Error, Role};
use crate::Lab;
use crate::directories::Directories;
use crate::guest::Record;
use crate::https::{Client, Request};
use crate::keycloak::{self, Keycloak, REALM, TRUSTED};
use crate::lock::Lock;
use crate::packages;
use crate::progress::{Progress, Shared, step};
use crate::state::write_whole;

/// What Ceph is started with. `ceph` and `radosgw-admin` ask it, the others are it.
const PROGRAMS: [(&str, &str); 5] = [
    ("ceph-mon", "ceph-mon"),
    ("ceph-osd", "ceph-osd"),
    ("radosgw", "radosgw"),
    ("radosgw-admin", "radosgw"),
    ("ceph", "ceph-common"),
];

/// Half a day, as much as the gateway gives.
const LONG: u32 = 43_200;

/// Ceph in this lab, serving, with Keycloak and the roles that trust it.
pub(crate) fn start(lab: &Lab, progress: &mut (dyn Progress + Send)) -> Result<Ceph, Error> {
    let ceph = Ceph {
        address: lab.address().ok_or(Error::NoSubnet)?,
        client: Client::trusting(&lab.certificate_authority())?,
        authority: lab.certificate_authority(),
        log: lab.layout().log("radosgw"),
    };
    let file = lab.state_dir().join("ceph.json");
    let _lock = Lock::acquire(&lab.state_dir().join("ceph.lock"), || {})?;
    let mut record = Record::read(&file);
    if record.is_running() {
        return Ok(ceph);
    }
    let directories = Directories::from_env()?;
    packages::provide(directories.cache(), &PROGRAMS, progress)?;
    let progress = Mutex::new(progress);
    let keycloak = thread::scope(|scope| {
        let keycloak = scope.spawn(|| keycloak::start(lab, &mut Shared(&progress)));
        let started = step(&mut Shared(&progress), "start Ceph", |_| {
            record.clear()?;
            Cluster::prepare(lab)?.start(
                |process| {
                    record.add(process);
                    Ok(write_whole(&file, &record)?)
                },
                || {
                    let request = Request::get(&ceph.url())?;
                    Ok(ceph.client.send(&request)?.status() == 200)
                },
            )
        });
        let keycloak = keycloak.join();
        let keycloak = keycloak.unwrap_or_else(|panic| panic::resume_unwind(panic));
        started.and(Ok(keycloak?))
    })?;
    furnish(&ceph, &keycloak)?;
    record.ready();
    write_whole(&file, &record)?;
    Ok(ceph)
}

/// Makes the roles that are there from the start.
fn furnish(ceph: &Ceph, keycloak: &Keycloak) -> Result<(), Error> {
    for realm in TRUSTED {
        ceph.register(&keycloak.issuer(realm.name), &CLIENTS)?;
    }
    let issuer = keycloak.issuer(REALM);
    let admin = keycloak.admin(REALM);
    let own = |name: &str, user: &str| {
        let role = Role::new(name, &issuer).with_buckets_of(user);
        role.only_with("sub", &admin.user(user))
    };
    for role in [
        own("alice", "alice"),
        own("bob", "bob"),
        own("alice-long", "alice").lasting(LONG),
        Role::new("powerless", &issuer),
        Role::new("elsewhere", &issuer)
            .with_buckets_of("alice")
            .only_with("aud", "no-client-of-this-realm"),
    ] {
        ceph.add_role(&role)?;
    }
    Ok(())
}
