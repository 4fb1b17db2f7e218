use std::str::FromStr;

use thiserror::Error;

/// The way to log in that a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// By what can be seen of this machine.
    #[default]
    Auto,
    /// In a browser of this machine.
    Browser,
    /// With a code, on any device.
    Device,
}

/// A text that names no way.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected auto, browser or device")]
pub struct NoFlow;

impl FromStr for Flow {
    type Err = NoFlow;

    fn from_str(text: &str) -> Result<Self, NoFlow> {
        match text {
            "auto" => Ok(Self::Auto),
            "browser" => Ok(Self::Browser),
            "device" => Ok(Self::Device),
            _ => Err(NoFlow),
        }
    }
}
