//! How a statically linked program finds hosts: it cannot load the machine's own name services, and
//! has to do with files and DNS whatever else is configured.

use std::fs;
use std::net::Ipv4Addr;

use datalab_journeys::logins::Laptop;
use datalab_lab::keycloak::REALM;
use datalab_lab::tenant::Stage;

/// What `nsswitch.conf` says of hosts: what is there, and what cannot be loaded by us or at all.
const SERVICES: [&str; 4] = [
    "files dns",
    "files mymachines mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns",
    "bogus files dns",
    "mdns4_minimal [NOTFOUND=return] files myhostname dns",
];

/// Shows the program these files in the place of the machine's, in the lab's network.
const ELSEWHERE: &str = r#"
mount --bind "$HOME/nsswitch.conf" /etc/nsswitch.conf &&
mount --bind "$HOME/hosts" /etc/hosts &&
mount --bind "$HOME/resolv.conf" /etc/resolv.conf &&
exec nsenter --net="/proc/$LAB/ns/net" "$@"
"#;

#[test]
fn names_are_found_in_files_and_dns_whatever_services_are_configured() {
    let Some(stage) = Stage::required_lab("names are found whatever services are configured")
    else {
        return;
    };
    let laptop = Laptop::of(&stage, &stage.keycloak(), REALM, "alice");
    let lab = stage.lab().expect("because the story asks for a lab");
    // The port of Keycloak in the lab's network, under a name that its certificate does not have.
    let issuer = laptop.issuer();
    let address = issuer
        .split(['/', ':'])
        .find_map(|part| part.parse::<Ipv4Addr>().ok())
        .expect("because the lab's issuer has an address for its host");
    let write = |file: &str, text: &str| {
        fs::write(laptop.home().join(file), text).expect("because the home is ours");
    };
    write(
        "hosts",
        &format!("127.0.0.1 localhost\n{address} idp.lab.test\n"),
    );
    write("resolv.conf", "nameserver 10.96.0.10\n");
    for services in SERVICES {
        write(
            "nsswitch.conf",
            &format!("passwd: files\nhosts: {services}\n"),
        );
        let ask = |issuer: &str| {
            let line = ["unshare", "--mount", "sh", "-c", ELSEWHERE, "sh"];
            let tool = [
                "kubectl-datalab-oidc_login",
                "login",
                "--client-id",
                "x",
                "--issuer",
            ];
            laptop
                .program(line.iter().chain(&tool).chain(&[issuer]))
                .env("LAB", lab.init_pid().to_string())
                .run()
        };
        for (issuer, answer) in [
            // In the file: somebody answers there, whose certificate is another's.
            (
                "https://idp.lab.test:8443/realms/datalab",
                "the certificate of idp.lab.test:8443",
            ),
            // In DNS: the API server answers.
            (
                "https://kubernetes.default.svc.cluster.local",
                "the certificate of kubernetes.default.svc.cluster.local:443",
            ),
            // Nowhere.
            (
                "https://nobody.lab.test",
                "nobody.lab.test:443 cannot be reached",
            ),
        ] {
            let output = ask(issuer);
            let said = output.to_string();
            assert!(said.contains(answer), "hosts: {services}\n{said}");
        }
    }
}
