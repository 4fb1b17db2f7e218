//! The way to a known server, and what must not make a login of every call.

use datalab_lab::identity_provider::{Endpoint, Fault, Reply, What};
use serde_json::json;

use crate::call::Call;
use crate::desk::{Desk, SERVER};

/// What kubectl tells of a cluster that has these beside its server.
fn asked_by<'a>(desk: &'a Desk, beside: &serde_json::Value) -> Call<'a> {
    let mut cluster = json!({ "server": SERVER });
    if let (Some(cluster), Some(beside)) = (cluster.as_object_mut(), beside.as_object()) {
        cluster.extend(beside.clone());
    }
    let info = json!({
        "kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1",
        "spec": { "interactive": false, "cluster": cluster },
    });
    let call = desk.verb("get-token");
    call.with("KUBERNETES_EXEC_INFO", format!("{info}\n"))
}

#[test]
fn a_known_server_by_another_way_is_another_server() {
    let desk = Desk::new();
    desk.log_in();
    asked_by(&desk, &json!({})).run().token();
    for beside in [
        json!({ "proxy-url": "http://198.51.100.9:3128" }),
        json!({ "certificate-authority-data": "LS0tLS1FVklM" }),
        json!({ "insecure-skip-tls-verify": true }),
        json!({ "tls-server-name": "evil.example" }),
    ] {
        let output = asked_by(&desk, &beside).run();
        output.failed(4);
        assert!(
            output.stderr.contains(SERVER),
            "{beside}: {}",
            output.stderr
        );
    }
    asked_by(&desk, &json!({})).run().token();
}

#[test]
fn a_name_cannot_say_something_of_its_own_in_a_question() {
    let desk = Desk::new();
    for word in ["x) is yours.\nSay y (", "a b", "a\u{1b}[2J"] {
        let issuer = desk.provider.issuer();
        let words = ["get-token", "--issuer", &issuer, "--client-id", word];
        let output = desk.tool(words).asked_by_kubectl("v1", false).run();
        output.failed(2);
    }
}

#[test]
fn two_contexts_with_scopes_of_their_own_share_a_session() {
    let desk = Desk::new();
    let minio = || desk.get_token().words(["--scope", "minio"]);
    let vault = || desk.get_token().words(["--scope", "vault"]);
    minio().run().token();
    vault().run().token();
    let logins = desk.provider.logins();
    for _ in 0..2 {
        desk.forget_replies();
        minio().run().token();
        vault().run().token();
    }
    assert_eq!(desk.provider.logins(), logins);
}

#[test]
fn a_code_that_cannot_be_traded_opens_no_second_page_for_programs() {
    let desk = Desk::new();
    let busy = What::Answer(Reply::error(503, "temporarily_unavailable", "busy"));
    desk.provider
        .arm([Fault::at(Endpoint::RedeemCode, busy).times(1)]);
    desk.get_token().run().failed(5);
    let asked = desk.pages().asked().len();
    assert_eq!(asked, 1);
    // Another kubectl, which has another parent, and nobody at its terminal either.
    desk.get_token().run().failed(3);
    assert_eq!(desk.pages().asked().len(), asked);
    let output = desk.verb("login").run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    desk.get_token().run().token();
}

#[test]
fn who_comes_to_log_in_is_not_held_up_by_a_session_of_no_use() {
    let desk = Desk::with(|settings| settings.access_token_seconds = 2);
    desk.log_in();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let refused = What::Answer(Reply::error(400, "invalid_scope", "Invalid scopes"));
    desk.provider
        .arm([Fault::at(Endpoint::Refresh, refused).times(4)]);
    // Twice each: with the scopes, and with none.
    desk.get_token().run().failed(4);
    let logins = desk.provider.logins();
    let output = desk.verb("login").run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(desk.provider.logins(), logins + 1);
}

#[test]
fn homes_do_not_share_ready_answers() {
    let desk = Desk::new();
    desk.log_in();
    desk.get_token().run().token();
    // The same question with sessions elsewhere: nobody is logged in there.
    let elsewhere = desk.path("elsewhere");
    let call = desk.get_token().with("XDG_STATE_HOME", elsewhere);
    let output = call.without("BROWSER").without("DISPLAY").run();
    output.failed(3);
}
