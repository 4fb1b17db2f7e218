use datalab_core::{
    report::{Failure, Kind},
    words::Secret,
    world::World,
};

/// Letters and digits that need no quoting anywhere: not in a shell, a URI, a `.pgpass` or a DSN.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// 32 characters of 6 bits: 192 bits.
const LENGTH: usize = 32;

/// A fresh password.
///
/// # Errors
/// The operating system gave no random bytes.
pub(crate) fn generate(world: &World) -> Result<Secret<String>, Failure> {
    let mut bytes = [0; LENGTH];
    world
        .fill_random(&mut bytes)
        .map_err(|error| Failure::new(Kind::Failed, "no password can be made").caused_by(&error))?;
    // 64 characters divide 256 values evenly, so none is likelier than another.
    Ok(Secret::new(
        bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 64)]))
            .collect(),
    ))
}
