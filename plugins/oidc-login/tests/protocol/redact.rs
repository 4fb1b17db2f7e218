//! What differs from run to run, replaced by something of the same meaning.

use regex::Regex;

const REPLACED: [(&str, &str); 11] = [
    // The authority's file, in a folder of the provider.
    (r"\S*/datalab-idp-\w+/ca\.pem", "/etc/ssl/lab.pem"),
    // The desk's folder.
    (r"\S*/datalab-desk-\w+/home", "~"),
    (r"\S*/datalab-desk-\w+", "/desk"),
    (r"\b(127\.0\.0\.1|localhost):\d+", "$1:PORT"),
    (r"127\.0\.0\.1%3A\d+", "127.0.0.1%3APORT"),
    (r"\b(state|nonce|code_challenge)=[\w%-]+", "$1=RANDOM"),
    (
        r"\b[BCDFGHJ-NP-TV-XZ]{4}-[BCDFGHJ-NP-TV-XZ]{4}\b",
        "USER-CODE",
    ),
    (r"\b[0-9a-f]{16,64}\b", "DIGEST"),
    (r"did not answer within \d+ s", "did not answer within N s"),
    (
        r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)? UTC",
        "YYYY-MM-DD hh:mm:ss UTC",
    ),
    (
        r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z",
        "YYYY-MM-DDThh:mm:ssZ",
    ),
];

pub(crate) fn redact(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, replacement) in REPLACED {
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, replacement).into_owned();
    }
    text
}
