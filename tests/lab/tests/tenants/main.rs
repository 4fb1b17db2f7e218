//! The cast that all stories share, checked by itself on the lab.

mod administrators;
mod clusters;
mod databases;
mod majors;
mod snapshots;
