//! What stories, `cargo xtask soak` and `cargo xtask bench` look with; the stories themselves are in
//! `tests/`.

pub mod logins;
pub mod shares;
pub mod transcript;
