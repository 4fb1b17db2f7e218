//! `kubectl datalab oidc-login`: log in once, every kubectl call as fast as without it.

fn main() {}
