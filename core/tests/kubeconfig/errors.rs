//! What cannot be resolved says why.

use datalab_core::kubeconfig::Overrides;

use super::{Home, PLAIN, of, text};

#[test]
fn entries_that_are_not_there_name_those_that_are() {
    let named = |change: fn(&mut Overrides)| {
        let mut overrides = Overrides::default();
        change(&mut overrides);
        text(
            Home::new(&[("config", PLAIN)])
                .resolve(&overrides)
                .unwrap_err(),
        )
    };
    let error = named(|overrides| overrides.context = Some("labb".to_owned()));
    assert_eq!(
        error,
        "error: there is no context \"labb\" in the kubeconfig; there are bare, lab\ntry: kubectl config get-contexts"
    );
    let error = named(|overrides| overrides.user = Some("you".to_owned()));
    assert!(
        error.contains("no user \"you\"") && error.contains("there are me"),
        "{error}"
    );
    let error = named(|overrides| overrides.cluster = Some("x".to_owned()));
    assert!(error.contains("no cluster \"x\""), "{error}");
    let error = text(of(&PLAIN.replace("current-context: lab", "")).unwrap_err());
    assert_eq!(
        error,
        "error: no kubeconfig context is chosen; there are bare, lab\ntry: kubectl config use-context NAME"
    );
}

#[test]
fn nothing_at_all_says_where_it_looked() {
    let home = Home::new(&[]);
    let error = text(
        home.resolve_in(&[("HOME", "HOME")], &Overrides::default())
            .unwrap_err(),
    );
    assert!(
        error.contains(&format!(
            "there is none in {}/.kube/config, and this is not a pod",
            home.path().display()
        )),
        "{error}"
    );
    let error = text(home.resolve_in(&[], &Overrides::default()).unwrap_err());
    assert!(
        error.contains("neither KUBECONFIG nor HOME is set"),
        "{error}"
    );
}

#[test]
fn a_broken_file_is_named_and_not_quoted() {
    for broken in [
        "users: [{name: me, user: {token: [sesame]}}]",
        "token: sesame\n  - x: [",
        "\u{0}sesame",
        "[sesame]",
        "sesame",
    ] {
        let error = text(of(broken).unwrap_err());
        assert!(error.contains("/config is not a kubeconfig: "), "{error}");
        assert!(!error.contains("sesame"), "{error}");
    }
}

#[test]
fn a_namespace_that_is_none() {
    let error = text(of(&PLAIN.replace("namespace: user-me", "namespace: User_Me")).unwrap_err());
    assert!(
        error.contains("the namespace of context \"lab\" in ")
            && error.contains("only lower-case letters"),
        "{error}"
    );
}
