//! The cast that all stories share, checked by itself on the lab.

mod administrators;
mod databases;
mod snapshots;
