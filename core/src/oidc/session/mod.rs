//! Logins that are kept, for all processes of a user.

mod audience;
mod login;
mod obtain;
mod pending;
mod person;
mod record;
mod sessions;

pub use login::{LoginOptions, LoginWay};
pub use obtain::{Force, Obtained, Wanted};
pub use pending::Pending;
pub use person::Person;
pub use record::{AudienceToken, Record};
pub use sessions::{LoggedOut, Session, Sessions};
