//! The network policies of the cluster, as packets sent and seen between pods: what the Kubernetes
//! documentation says of them, one case each.
//!
//! A flow counts as refused only where it passed just before, and after another flow that the same
//! policy denies, the canary, was refused; so a policy that is not enforced yet, or a server that does
//! not answer, cannot pass for a refusal.

mod arena;
mod peer;

use std::thread;
use std::time::Duration;

use arena::{Arena, Case};
use datalab_lab::skip;
use datalab_lab::tenant::Stage;

#[test]
fn policies_are_enforced() {
    let Some(stage) = Stage::required("policies_are_enforced") else {
        return;
    };
    let arena = Arena::open(&stage);
    deny_by_default(&arena);
    deny_egress_by_default(&arena);
    select_peers(&arena);
    select_ports(&arena);
    select_addresses(&arena);
    select_egress(&arena);
    add_up(&arena);
    let own_engine = [let_probes_pass, guard_the_node, cut_connections];
    if arena.in_lab {
        own_engine.iter().for_each(|story| story(&arena));
    } else {
        skip(
            "policies_are_enforced, what only the lab's own engine promises",
            "the lab: cargo xtask lab up",
        );
    }
}

fn deny_by_default(arena: &Arena) {
    let (red, blue) = (&arena.red, &arena.blue);
    arena.show(&Case {
        name: "default deny of ingress",
        policies: &["podSelector: {}, policyTypes: [Ingress]"],
        denied: &[
            red.client.tcp(&red.server, 8080),
            blue.client.tcp(&red.server, 8080),
            blue.client.tcp(&red.client, 8080),
            blue.client.udp(&red.server, 8080),
        ],
        allowed: &[
            red.client.tcp(&blue.client, 8080),
            red.client.resolve(),
            red.server.tcp(&red.server, 8080),
            blue.client.tcp(&blue.other, 8080),
        ],
    });
    arena.show(&Case {
        name: "a selected pod alone is isolated",
        policies: &["podSelector: {matchLabels: {role: server}}"],
        denied: &[red.client.tcp(&red.server, 8080)],
        allowed: &[
            red.client.tcp(&red.other, 8080),
            blue.client.tcp(&red.other, 8080),
            red.server.tcp(&red.client, 8080),
        ],
    });
    arena.show(&Case {
        name: "allow all",
        policies: &[
            "podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}]",
            "podSelector: {matchLabels: {role: client}}, policyTypes: [Egress], egress: [{}]",
        ],
        denied: &[red.other.tcp(&blue.client, 8080)],
        allowed: &[
            blue.client.tcp(&red.server, 8080),
            red.client.tcp(&blue.client, 8080),
        ],
    });
}

fn deny_egress_by_default(arena: &Arena) {
    let (red, blue) = (&arena.red, &arena.blue);
    arena.show(&Case {
        name: "default deny of egress",
        policies: &["podSelector: {}, policyTypes: [Egress]"],
        denied: &[
            red.client.tcp(&blue.client, 8080),
            red.client.tcp(&red.server, 8080),
            red.client.resolve(),
        ],
        allowed: &[blue.client.tcp(&red.server, 8080), blue.client.resolve()],
    });
    arena.show(&Case {
        name: "default deny with DNS allowed",
        policies: &[
            "podSelector: {}, policyTypes: [Ingress, Egress], egress: [{\
             to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, \
                   podSelector: {matchLabels: {k8s-app: kube-dns}}}], \
             ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]}]",
        ],
        denied: &[
            red.client.tcp(&blue.client, 8080),
            red.client.tcp(&red.server, 8080),
            blue.client.tcp(&red.client, 8080),
        ],
        allowed: &[red.client.resolve(), red.other.resolve()],
    });
}

fn select_peers(arena: &Arena) {
    let (red, blue) = (&arena.red, &arena.blue);
    arena.show(&Case {
        name: "a pod selector holds in the policy's own namespace",
        policies: &["podSelector: {matchLabels: {role: server}}, \
             ingress: [{from: [{podSelector: {matchLabels: {role: client}}}]}]"],
        denied: &[
            red.other.tcp(&red.server, 8080),
            blue.client.tcp(&red.server, 8080),
            blue.other.tcp(&red.server, 8080),
            red.other.tcp(&red.service, 80),
        ],
        allowed: &[
            red.client.tcp(&red.server, 8080),
            red.client.tcp(&red.service, 80),
        ],
    });
    arena.show(&Case {
        name: "a namespace selector holds for all its pods",
        policies: &["podSelector: {matchLabels: {role: server}}, \
             ingress: [{from: [{namespaceSelector: {matchLabels: {team: $BLUE}}}]}]"],
        denied: &[
            red.client.tcp(&red.server, 8080),
            red.other.tcp(&red.server, 8080),
        ],
        allowed: &[
            blue.client.tcp(&red.server, 8080),
            blue.other.tcp(&red.server, 8080),
        ],
    });
    arena.show(&Case {
        name: "both selectors in one element: AND",
        policies: &["podSelector: {matchLabels: {role: server}}, \
             ingress: [{from: [{namespaceSelector: {matchLabels: {team: $BLUE}}, \
                                podSelector: {matchLabels: {role: client}}}]}]"],
        denied: &[
            red.client.tcp(&red.server, 8080),
            red.other.tcp(&red.server, 8080),
            blue.other.tcp(&red.server, 8080),
        ],
        allowed: &[blue.client.tcp(&red.server, 8080)],
    });
    arena.show(&Case {
        name: "each selector in an element of its own: OR",
        policies: &["podSelector: {matchLabels: {role: server}}, \
             ingress: [{from: [{namespaceSelector: {matchLabels: {team: $BLUE}}}, \
                               {podSelector: {matchLabels: {role: client}}}]}]"],
        denied: &[red.other.tcp(&red.server, 8080)],
        allowed: &[
            red.client.tcp(&red.server, 8080),
            blue.client.tcp(&red.server, 8080),
            blue.other.tcp(&red.server, 8080),
        ],
    });
    arena.show(&Case {
        name: "expressions, and a selector of all namespaces",
        policies: &[
            "podSelector: {matchExpressions: [{key: role, operator: In, values: [server]}]}, \
             ingress: [{from: [{namespaceSelector: {}, podSelector: {matchExpressions: [\
                 {key: role, operator: NotIn, values: [other, server]}, \
                 {key: role, operator: Exists}, \
                 {key: absent, operator: DoesNotExist}]}}]}]",
        ],
        denied: &[
            red.other.tcp(&red.server, 8080),
            blue.other.tcp(&red.server, 8080),
        ],
        allowed: &[
            red.client.tcp(&red.server, 8080),
            blue.client.tcp(&red.server, 8080),
        ],
    });
}

fn select_ports(arena: &Arena) {
    let (red, blue) = (&arena.red, &arena.blue);
    arena.show(&Case {
        name: "a named port",
        policies: &[
            "podSelector: {matchLabels: {role: server}}, ingress: [{ports: [{port: web}]}]",
        ],
        denied: &[
            blue.client.tcp(&red.server, 8081),
            blue.client.udp(&red.server, 8080),
        ],
        allowed: &[
            blue.client.tcp(&red.server, 8080),
            blue.client.tcp(&red.service, 80),
        ],
    });
    arena.show(&Case {
        name: "a range of ports, ends included",
        policies: &["podSelector: {matchLabels: {role: server}}, \
             ingress: [{ports: [{port: 9001, endPort: 9002}]}]"],
        denied: &[
            red.client.tcp(&red.server, 9000),
            red.client.tcp(&red.server, 9003),
            red.client.tcp(&red.server, 8080),
        ],
        allowed: &[
            red.client.tcp(&red.server, 9001),
            red.client.tcp(&red.server, 9002),
        ],
    });
    arena.show(&Case {
        name: "a protocol",
        policies: &["podSelector: {matchLabels: {role: server}}, \
             ingress: [{ports: [{protocol: UDP, port: 9000}]}]"],
        denied: &[
            red.client.tcp(&red.server, 9000),
            red.client.udp(&red.server, 9001),
        ],
        allowed: &[red.client.udp(&red.server, 9000)],
    });
}

fn select_addresses(arena: &Arena) {
    let (red, blue) = (&arena.red, &arena.blue);
    arena.show(&Case {
        name: "a block of addresses with an exception",
        policies: &["podSelector: {matchLabels: {role: server}}, \
             ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [$BLUE_CLIENT/32]}}]}]"],
        denied: &[
            blue.client.tcp(&red.server, 8080),
            blue.client.tcp(&red.service, 80),
        ],
        allowed: &[
            blue.other.tcp(&red.server, 8080),
            red.client.tcp(&red.server, 8081),
        ],
    });
    arena.show(&Case {
        name: "a block of one address",
        policies: &[
            "podSelector: {matchLabels: {role: client}}, policyTypes: [Egress], \
             egress: [{to: [{ipBlock: {cidr: $BLUE_CLIENT/32}}]}]",
        ],
        denied: &[
            red.client.tcp(&blue.other, 8080),
            red.client.tcp(&red.server, 8080),
        ],
        allowed: &[red.client.tcp(&blue.client, 8081)],
    });
}

fn select_egress(arena: &Arena) {
    let (red, blue) = (&arena.red, &arena.blue);
    arena.show(&Case {
        name: "egress to selected pods and ports",
        policies: &["podSelector: {matchLabels: {role: client}}, policyTypes: [Egress], egress: [\
             {to: [{podSelector: {matchLabels: {role: server}}}], ports: [{port: web}, {port: 9000}]}]"],
        denied: &[
            red.client.tcp(&red.server, 8081),
            red.client.tcp(&red.other, 8080),
            red.client.tcp(&blue.client, 8080),
            red.client.resolve(),
        ],
        allowed: &[
            red.client.tcp(&red.server, 8080),
            red.client.tcp(&red.server, 9000),
            red.client.tcp(&red.service, 80),
            red.other.tcp(&blue.client, 8080),
            blue.client.tcp(&red.client, 8080),
        ],
    });
}

fn add_up(arena: &Arena) {
    let (red, blue) = (&arena.red, &arena.blue);
    arena.show(&Case {
        name: "policies add up",
        policies: &[
            "podSelector: {}, policyTypes: [Ingress]",
            "podSelector: {matchLabels: {role: server}}, \
             ingress: [{from: [{podSelector: {matchLabels: {role: client}}}]}]",
            "podSelector: {matchLabels: {role: server}}, ingress: [{ports: [{port: 9003}]}]",
        ],
        denied: &[
            blue.client.tcp(&red.server, 8080),
            red.other.tcp(&red.server, 8080),
        ],
        allowed: &[
            red.client.tcp(&red.server, 8080),
            blue.client.tcp(&red.server, 9003),
        ],
    });
}

/// Probes come every second and one that is missed shows, so a second and a half holds at least one.
fn let_probes_pass(arena: &Arena) {
    let case = Case {
        name: "default deny while the kubelet probes",
        policies: &["podSelector: {}, policyTypes: [Ingress, Egress]"],
        denied: &[arena.blue.client.tcp(&arena.red.server, 8080)],
        allowed: &[],
    };
    arena.impose(&case);
    thread::sleep(Duration::from_millis(1500));
    arena.lift(&case);
    arena.assert_probed();
}

/// The node's own servers are no pods, but what a pod may not send it may not send to them either.
fn guard_the_node(arena: &Arena) {
    let Arena {
        red, api_server, ..
    } = arena;
    arena.show(&Case {
        name: "egress to the node",
        policies: &[
            "podSelector: {matchLabels: {role: client}}, policyTypes: [Egress], \
             egress: [{ports: [{port: 8080}]}]",
        ],
        denied: &[red.client.tcp(api_server, 443)],
        allowed: &[
            red.client.tcp(&red.server, 8080),
            red.other.tcp(api_server, 443),
        ],
    });
}

/// An open connection that is no longer allowed ends; one that still is stays.
fn cut_connections(arena: &Arena) {
    let (red, blue) = (&arena.red, &arena.blue);
    let by_address = red.other.hold(&red.server, 8080);
    let by_service = red.other.hold(&red.service, 80);
    let allowed = red.client.hold(&red.service, 80);
    let case = Case {
        name: "connections are open while a policy comes",
        policies: &["podSelector: {matchLabels: {role: server}}, \
             ingress: [{from: [{podSelector: {matchLabels: {role: client}}}]}]"],
        denied: &[blue.client.tcp(&red.server, 8080)],
        allowed: &[red.client.tcp(&red.server, 8080)],
    };
    arena.impose(&case);
    for flow in [by_address, by_service] {
        assert_eq!(flow.ask(), "reset", "{flow}");
        assert_eq!(flow.ask(), "closed", "{flow}");
    }
    assert_eq!(allowed.ask(), "answered", "{allowed}");
    arena.lift(&case);
}
