//! Sharing a database of the catalogue, told on the lab's cluster.

mod transcript;
