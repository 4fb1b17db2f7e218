//! Repository promises.
