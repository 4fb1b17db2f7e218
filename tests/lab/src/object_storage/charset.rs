//! Random text of the characters that a server draws from.

pub(super) const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(super) const MIXED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(super) const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// As MinIO's secrets: without slashes.
pub(super) const NO_SLASH: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+";

/// So many characters, each one of these.
pub(super) fn draw(characters: &str, length: usize) -> String {
    let characters = characters.as_bytes();
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).expect("because the kernel gives random bytes");
    bytes
        .iter()
        .map(|byte| char::from(characters[usize::from(*byte) % characters.len()]))
        .collect()
}
