//! Sharing a database of the catalogue, told on the lab's cluster.

#![expect(
    clippy::panic,
    reason = "a story that does not go on has nobody to hand an error to"
)]

mod audit;
mod budget;
mod cnpg;
mod connect;
mod dry_run;
mod failures;
mod forms;
mod hostile;
mod idempotence;
mod isolation;
mod laptop;
mod listing;
mod lock;
mod majors;
mod other_layout;
mod secrets;
mod share;
mod spellings;
mod story;
mod terms;
mod transport;
mod two_grantees;

use datalab_journeys::transcript;
