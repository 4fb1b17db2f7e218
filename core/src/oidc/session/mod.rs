//! Logins that are kept, for all processes of a user.

mod audience;
mod login;
mod logout;
mod obtain;
mod pending;
mod person;
mod record;
mod renewal;
mod reply;
mod secrets;
mod sessions;

pub use login::{LoginOptions, LoginWay};
pub use logout::LoggedOut;
pub use obtain::{Force, Obtained, Wanted};
pub use pending::Pending;
pub use person::Person;
pub use record::Record;
pub use secrets::AudienceToken;
pub use sessions::{Session, Sessions};
