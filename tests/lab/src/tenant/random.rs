//! Random text for names and passwords.

/// So many lower-case letters and digits, the first of them a letter: good in any Kubernetes name.
pub(super) fn letters(length: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    const LETTERS_AND_DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).expect("because the system's random generator works");
    let pick = |(index, byte): (usize, &u8)| {
        let alphabet = if index == 0 {
            LETTERS
        } else {
            LETTERS_AND_DIGITS
        };
        char::from(alphabet[usize::from(*byte) % alphabet.len()])
    };
    bytes.iter().enumerate().map(pick).collect()
}
