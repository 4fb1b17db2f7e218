//! The tool from outside, against an identity provider that punishes mistakes and misbehaves.
//!
//! | part | what is shown |
//! |---|---|
//! | `reply` | stdout is one ExecCredential or nothing; versions are echoed; nobody is asked who is not there |
//! | `login`, `device`, `text_browser` | both flows as they should be, and all the ways in which they end otherwise |
//! | `callback` | who comes to the loopback port with a forged answer gets nowhere |
//! | `tokens`, `answers` | tokens that lie; answers that are too long, lead elsewhere, or are no answers |
//! | `audience`, `logout` | tokens for other services; the end of it all, with the provider or without |
//! | `refresh`, `killed`, `races` | a session survives trouble, kills at every step, and many callers |
//! | `storms` | after a login that failed nobody is asked again at once |
//! | `files`, `disk` | files that somebody else touched, a full disk, a home that cannot be written |
//! | `keyring` | absent, locked, hanging; and one that works |
//! | `stranger` | a kubeconfig of somebody else asks first |
//! | `secrets` | nothing secret in arguments, environments, files of others, logs |
//! | `issuers`, `clock` | addresses that are no issuers; clocks that are wrong |
//! | `interrupt` | Ctrl-C at a question |
//! | `warm` | what the warm path touches |

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod call;
mod desk;
mod page;
mod redact;
mod terminal;

mod answers;
mod audience;
mod callback;
mod clock;
mod device;
mod disk;
mod files;
mod interrupt;
mod issuers;
mod keyring;
mod killed;
mod login;
mod logout;
mod other_providers;
mod races;
mod refresh;
mod reply;
mod secrets;
mod storms;
mod stranger;
mod text_browser;
mod tokens;
mod warm;
mod way;
