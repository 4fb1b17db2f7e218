//! What it does wrong when it is told to.

use std::time::{Duration, Instant};

use datalab_lab::object_storage::{Dialect, Endpoint, Fault, Reply, Transport, What};

use crate::client::Bench;

/// curl's codes.
const EMPTY_REPLY: [i32; 2] = [52, 56];
const PARTIAL_FILE: i32 = 18;
const UNTRUSTED: i32 = 60;
const REFUSED: i32 = 7;

#[test]
fn requests_are_cut_held_and_answered_otherwise() {
    let bench = Bench::new(Dialect::Minio);
    let url = bench.storage.url().to_owned();
    let fields: Vec<String> = bench
        .fields()
        .into_iter()
        .flat_map(|(name, value)| ["--data-urlencode".to_owned(), format!("{name}={value}")])
        .collect();
    let at = |what: What| Fault::at(Endpoint::AssumeRole, what);
    let code = || bench.curl_to(&url, &fields).map(drop);
    bench.storage.arm([at(What::CutBefore).times(1)]);
    assert!(EMPTY_REPLY.contains(&code().unwrap_err()));
    assert_eq!(bench.storage.issued().len(), 0);
    bench.storage.arm([at(What::CutAfter).times(1)]);
    assert!(EMPTY_REPLY.contains(&code().unwrap_err()));
    assert_eq!(bench.storage.issued().len(), 1);
    bench.storage.arm([at(What::CutWithin).times(1)]);
    assert_eq!(code(), Err(PARTIAL_FILE));
    bench
        .storage
        .arm([at(What::DelayAfter(Duration::from_millis(300))).times(1)]);
    let begun = Instant::now();
    assert_eq!(code(), Ok(()));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let busy = Reply::html(503, "<h1>busy</h1>").header("retry-after", "1");
    bench.storage.arm([at(What::Answer(busy)).times(1)]);
    let answer = bench.curl("/", &fields);
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (503, "<h1>busy</h1>")
    );
    assert_eq!(bench.curl("/", &fields).status, 200);
    assert_eq!(bench.storage.count(Endpoint::AssumeRole), 6);
    bench.storage.stop();
    assert_eq!(code(), Err(REFUSED));
    bench.storage.start_again().unwrap();
    assert_eq!(code(), Ok(()));
}

#[test]
fn transports_are_what_they_say() {
    for (transport, code) in [
        (Transport::SelfSigned, Err(UNTRUSTED)),
        (Transport::OtherName, Err(UNTRUSTED)),
        (Transport::PlainHttp, Ok(())),
        (Transport::Https, Ok(())),
    ] {
        let bench = Bench::with(Dialect::Ceph, |options| options.transport = transport);
        let url = bench.storage.url();
        assert_eq!(url.starts_with("https"), transport != Transport::PlainHttp);
        assert_eq!(
            bench.curl_to::<&str>(url, &[]).map(drop),
            code,
            "{transport:?}"
        );
    }
}
