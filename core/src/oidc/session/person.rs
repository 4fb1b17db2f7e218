use super::{LoginWay, Pending};
use crate::oidc::{DeviceCode, Error};

/// Whoever logs in, as far as a session needs to know: a terminal, a window, or nobody at all.
///
/// Nothing that is told here is a secret, but for the person in front of the screen: whoever enters
/// a device code logs this machine in.
pub trait Person {
    /// How a login can be done from here; an error when none may be begun.
    ///
    /// # Errors
    /// Nobody is there who could log in, or the way asked for is not possible.
    fn way(&mut self, device_possible: bool) -> Result<LoginWay, Error>;

    /// The page of a login in the browser: to be opened, or shown.
    ///
    /// # Errors
    /// Neither is possible.
    fn page(&mut self, url: &str) -> Result<(), Error>;

    /// A code to enter on another device.
    fn code(&mut self, code: &DeviceCode);

    /// Somebody else's login is waited for; said once for each change.
    fn waiting(&mut self, pending: Option<&Pending>, holder: Option<u32>);

    /// Something worth knowing that changes nothing.
    fn note(&mut self, line: &str);
}
