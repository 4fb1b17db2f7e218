//! What stories, and `cargo xtask soak`, look with; the stories themselves are in `tests/`.

pub mod shares;
pub mod transcript;
