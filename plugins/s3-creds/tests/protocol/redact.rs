//! What differs from run to run, replaced by something of the same meaning.

use regex::Regex;

const REPLACED: [(&str, &str); 14] = [
    // What all commands have in common.
    (
        r" --ca-file \S*/datalab-s3-\w+/ca\.pem --issuer \S+ --client-id kubernetes --scope minio --issuer-ca \S*/ca\.pem",
        " …",
    ),
    (r"[^\s=]*/datalab-s3-\w+/ca\.pem", "/etc/ssl/store.pem"),
    (r"[^\s=]*/datalab-idp-\w+/ca\.pem", "/etc/ssl/provider.pem"),
    (r"[^\s=]*/datalab-desk-\w+/home", "~"),
    (r"[^\s=]*/datalab-desk-\w+", "/desk"),
    (r"127\.0\.0\.1:\d+/realms", "idp.example/realms"),
    (r"\b(127\.0\.0\.1|localhost):\d+", "s3.example"),
    (r"127\.0\.0\.1%3A\d+", "127.0.0.1%3APORT"),
    (r"\b(state|nonce|code_challenge)=[\w%-]+", "$1=RANDOM"),
    (r"\b[0-9a-f]{16,64}\b", "DIGEST"),
    (r"did not answer within \d+ s", "did not answer within N s"),
    (r"date/time \d+", "date/time SECONDS"),
    (
        r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)? UTC",
        "YYYY-MM-DD hh:mm:ss UTC",
    ),
    (
        r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z",
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
