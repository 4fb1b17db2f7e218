use std::path::PathBuf;

use datalab_core::{
    report::{Failure, Kind},
    world::World,
};

use crate::source::variable;

/// What the environment says where a flag says nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fallback<'w> {
    pub(super) world: &'w World,
}

impl Fallback<'_> {
    /// The flag, else the variable.
    ///
    /// # Errors
    /// [`Kind::Usage`]: the variable is no text.
    pub(super) fn text(
        self,
        flag: Option<String>,
        name: &'static str,
    ) -> Result<Option<String>, Failure> {
        if flag.is_some() {
            return Ok(flag);
        }
        let Some(value) = self.variable(name) else {
            return Ok(None);
        };
        let text = value.into_os_string().into_string();
        text.map(Some)
            .map_err(|_| Failure::new(Kind::Usage, format!("the variable {name} is no text")))
    }

    /// The same for a file, whose name may be no text.
    pub(super) fn path(self, flag: Option<PathBuf>, name: &'static str) -> Option<PathBuf> {
        flag.or_else(|| self.variable(name))
    }

    fn variable(self, name: &'static str) -> Option<PathBuf> {
        // Else an answer that is ready would be given whatever the variable says.
        debug_assert!(variable::ALL.contains(&name), "{name} is not among all");
        self.world.environment().get(name).map(PathBuf::from)
    }
}
