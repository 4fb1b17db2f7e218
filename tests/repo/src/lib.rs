//! What the repository promises about itself, read from its own files.
//!
//! - [`Tree`]: the files; [`Source`]: one Rust file, as the [`Reference`]s it makes.
//! - [`Map`]: the rooms of core, the arrows between them and the names that only some of them may
//!   use, read from `core/README.md`.
//! - [`arrows`]: whether the sources keep to that map.
//! - [`house`]: names, sizes and other rules that hold for all files.
//!
//! A check returns every [`Breach`] it finds, each with its place and its remedy.

pub mod arrows;
mod breach;
pub mod house;
mod map;
mod place;
mod source;
mod tree;

pub use breach::Breach;
pub use map::{Map, MapError};
pub use place::Place;
pub use source::{Mark, Reference, ReferenceKind, Source};
pub use tree::{Tree, TreeError};
