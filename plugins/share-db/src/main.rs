//! `kubectl datalab share-db`.

fn main() {}
