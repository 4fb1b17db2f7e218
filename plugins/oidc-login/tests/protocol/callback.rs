//! Who comes to the loopback port with an answer that is not the provider's.

use std::thread;
use std::time::Duration;

use datalab_lab::identity_provider::{Browser, Endpoint, Lies, encode};

use crate::call::Running;
use crate::desk::Desk;
use crate::page::parameters;

/// A login that waits for its callback; the test is the browser.
struct Waiting {
    url: String,
    redirect: String,
    state: String,
    browser: Browser,
}

impl Waiting {
    fn begin(desk: &Desk) -> (Running<'_>, Self) {
        let running = desk.get_token().start();
        desk.until("the browser", || !desk.pages().asked().is_empty());
        let url = desk.pages().asked()[0].clone();
        let asked = parameters(&url);
        let waiting = Self {
            url,
            redirect: asked["redirect_uri"].clone(),
            state: asked["state"].clone(),
            browser: desk.pages().browser().clone(),
        };
        (running, waiting)
    }

    /// The status of a GET of the redirect with this query.
    fn get(&self, query: &str) -> u16 {
        self.status(&format!("{}?{query}", self.redirect), None, "GET")
    }

    fn status(&self, url: &str, host: Option<&str>, method: &str) -> u16 {
        let (_, rest) = url.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        let host = host.unwrap_or(authority);
        let request = format!(
            "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        self.browser.send(url, &request).unwrap().code
    }

    fn origin(&self) -> &str {
        self.redirect.strip_suffix("/callback").unwrap()
    }
}

#[test]
fn forged_answers_are_refused_and_the_true_one_still_counts() {
    let mut desk = Desk::new();
    desk.leave_pages_to_the_test();
    let (mut running, waiting) = Waiting::begin(&desk);
    let issuer = encode(&desk.provider.issuer());
    let state = encode(&waiting.state);
    for query in [
        "".to_owned(),
        "code=stolen".to_owned(),
        format!("code=stolen&state=forged&iss={issuer}"),
        format!("code=stolen&state=&iss={issuer}"),
        format!("code=stolen&state={state}x&iss={issuer}"),
        // Errors are believed as little.
        "error=access_denied".to_owned(),
        format!("error=access_denied&state=forged&iss={issuer}"),
        // Twice the same name: one for us, one for somebody else.
        format!("code=stolen&state=forged&state={state}&iss={issuer}"),
    ] {
        assert_eq!(waiting.get(&query), 400, "{query}");
        assert!(!running.is_over(), "{query} ended the login");
    }
    let good = format!("code=stolen&state={state}&iss={issuer}");
    let url = format!("{}?{good}", waiting.redirect);
    for host in [
        "rebound.example.org",
        "localhost:1",
        "127.0.0.1",
        "127.0.0.1:1",
        "",
    ] {
        assert_eq!(waiting.status(&url, Some(host), "GET"), 400, "{host:?}");
    }
    for method in ["POST", "HEAD", "OPTIONS", "PUT"] {
        let code = waiting.status(&url, None, method);
        assert!((400..500).contains(&code), "{method}: {code}");
    }
    for path in [
        "/",
        "/callback/",
        "/callbacks",
        "/favicon.ico",
        "/../callback",
    ] {
        let code = waiting.status(&format!("{}{path}?{good}", waiting.origin()), None, "GET");
        assert!((400..500).contains(&code), "{path}: {code}");
    }
    assert!(!running.is_over());
    assert_eq!(
        desk.provider.count(Endpoint::RedeemCode),
        0,
        "no code was believed"
    );

    // No page of ours led anybody to the login page, which holds state and nonce.
    let page = waiting.browser.open(&waiting.url).unwrap();
    assert_eq!(page.code, 200, "{}", page.body);
    running.wait().token();
}

#[test]
fn a_client_that_says_nothing_or_too_much_keeps_nobody_out() {
    let mut desk = Desk::new();
    desk.leave_pages_to_the_test();
    let (running, waiting) = Waiting::begin(&desk);
    let address = waiting.origin().strip_prefix("http://").unwrap();
    // A browser opens connections ahead of need and sends nothing on them.
    let silent: Vec<_> = (0..20)
        .map(|_| std::net::TcpStream::connect(address).unwrap())
        .collect();
    let flood = waiting.browser.clone();
    let url = waiting.redirect.clone();
    let flooding = thread::spawn(move || {
        let header = format!("x-long: {}\r\n", "x".repeat(1024));
        let request = format!("GET /callback HTTP/1.1\r\n{}", header.repeat(4096));
        // Cut off or refused, in the end.
        let _ = flood.send(&url, &request);
    });
    thread::sleep(Duration::from_millis(50));
    let page = waiting.browser.open(&waiting.url).unwrap();
    assert_eq!(page.code, 200, "{}", page.body);
    running.wait().token();
    drop(silent);
    flooding.join().unwrap();
}

#[test]
fn an_error_from_the_provider_itself_ends_the_login() {
    let mut desk = Desk::new();
    desk.leave_pages_to_the_test();
    let (running, waiting) = Waiting::begin(&desk);
    let query = format!(
        "error=temporarily_unavailable&error_description={}&state={}&iss={}",
        encode("down for\u{1b}[31m \r\nmaintenance"),
        encode(&waiting.state),
        encode(&desk.provider.issuer())
    );
    waiting.get(&query);
    let output = running.wait();
    output.failed(4);
    assert!(!output.stderr.contains('\u{1b}'), "{output}");
    desk.keep("callback-error", &output);
}

#[test]
fn an_answer_without_an_issuer_is_refused_where_the_provider_promised_one() {
    for (name, lies) in [
        (
            "missing",
            Lies {
                callback_issuer: Some(String::new()),
                ..Lies::default()
            },
        ),
        (
            "wrong",
            Lies {
                callback_issuer: Some("https://other.invalid".to_owned()),
                ..Lies::default()
            },
        ),
        (
            "state",
            Lies {
                callback_state: Some("forged".to_owned()),
                ..Lies::default()
            },
        ),
    ] {
        let desk = Desk::with(|settings| settings.lies = lies);
        let output = desk.get_token().words(["--login-timeout", "2s"]).run();
        // Who knows the state ends the login; who does not is not heard.
        output.failed(if name == "state" { 9 } else { 4 });
        assert_eq!(desk.provider.count(Endpoint::RedeemCode), 0);
        desk.keep(&format!("callback-{name}"), &output);
    }
}
