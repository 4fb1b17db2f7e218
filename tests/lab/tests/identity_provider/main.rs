//! The provider against a client that knows the protocol by heart, and breaks it.

mod faults;
mod flows;
mod punished;
mod visitor;
