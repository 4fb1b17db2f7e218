//! Sharing a database of the catalogue, told on the lab's cluster.

mod failures;
mod lock;
mod secrets;
mod share;
mod story;
mod transcript;
mod transport;
