//! The tool from outside, against a store that speaks as MinIO, Ceph, AWS, RustFS and SeaweedFS do,
//! verifies what it is given, keeps what a client must not do, and misbehaves.
//!
//! | part | what is shown |
//! |---|---|
//! | `refused` | each cause of a refusal, as each server words it, and what the user is told |
//! | `answers` | pages, redirects, answers without end, servers that are not ready or cut off |
//! | `exchange` | what is asked for, and what works with each server |
//! | `platform` | the platform's address is enough |
//! | `trust` | whose word counts for where tokens go, and whose authorities for whom |
//! | `login` | the login behind the keys: shared, ended, refused, or somebody else's |
//! | `verify` | keys that were given, and what the store lets them do |
//! | `kept` | keys at hand: how long, for whom, and when new ones are asked for |
//! | `flight` | many callers at once ask once |
//! | `exec`, `serve`, `sdk` | programs that get keys, and new ones while they run |
//! | `looks` | what `whoami`, `doctor` and `verify` say |
//! | `disk` | a full disk, a home that cannot be written, kills while writing |
//! | `secrets` | nothing secret where others can read it |

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod call;
mod desk;
mod redact;

mod answers;
mod disk;
mod exchange;
mod exec;
mod flight;
mod kept;
mod login;
mod looks;
mod platform;
mod refused;
mod sdk;
mod secrets;
mod serve;
mod trust;
mod verify;
