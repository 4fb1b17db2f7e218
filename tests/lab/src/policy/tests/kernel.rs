//! nft and the kernel take what is rendered.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::cluster;
use crate::policy::compile::compile;
use crate::policy::nft::render;
use crate::skip;

#[test]
fn the_kernel_takes_every_form_of_rule() {
    if !is_root() {
        skip("the_kernel_takes_every_form_of_rule", "root");
        return;
    }
    let long = "n".repeat(63);
    let cluster = cluster::read(&[
        &cluster::namespace(&long, ""),
        &cluster::pod(&long, &"p".repeat(253), "app: db", "10.123.0.10"),
        &cluster::pod(&long, "web", "app: web", "fd00::10"),
        &cluster::pod(&long, "idle", "app: idle", "10.123.0.12"),
        &format!(
            r#"
kind: NetworkPolicy
metadata: {{namespace: {long}, name: every-form}}
spec:
  podSelector: {{}}
  policyTypes: [Ingress, Egress]
  ingress:
  - {{}}
  - from: [{{podSelector: {{}}}}]
    ports: [{{port: web}}, {{protocol: UDP}}, {{port: 1, endPort: 65535, protocol: SCTP}}]
  - from:
    - ipBlock: {{cidr: 0.0.0.0/0, except: [10.0.0.0/8, 10.1.0.0/16, 10.0.0.0/8, 192.0.2.1/32]}}
    - ipBlock: {{cidr: "::/0", except: ["fd00::/8", "fd00::/16", "fe80::1/128"]}}
    - ipBlock: {{cidr: 192.0.2.7/24}}
  egress:
  - to: [{{ipBlock: {{cidr: 203.0.113.9/32}}}}, {{ipBlock: {{cidr: "2001:db8::/64"}}}}]
    ports: [{{port: 0, endPort: 65535}}, {{port: 443}}]
"#
        ),
    ]);
    let rules = render(&compile(&cluster.unwrap()));
    for rules in [
        rules.clone(),
        render(&[]),
        rules.clone() + &render(&[]) + &rules,
    ] {
        check(&rules);
    }
}

/// Loads the rules into a network namespace that ends with the program.
fn check(rules: &str) {
    let mut nft = Command::new("unshare")
        .args(["--net", "nft", "-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    nft.stdin
        .take()
        .unwrap()
        .write_all(rules.as_bytes())
        .unwrap();
    let output = nft.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{rules}");
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}
