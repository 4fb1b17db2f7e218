//! What a server says, word by word.

/// Words in a text: what stands between blanks, brackets, commas and quotes. An address, an ARN, the
/// name of a policy or the id of a key is one word, whatever it is made of.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |character: char| character.is_alphanumeric() || "_-./:@+=~%".contains(character);
    text.split(move |character| !is_part(character))
        .map(|word| word.trim_matches(['.', ':', '-', '=']))
        .filter(|word| !word.is_empty())
}

/// Whether a text holds one of these phrases, whatever its case.
pub(super) fn hold(text: &str, phrases: &[&str]) -> bool {
    let text = text.to_lowercase();
    let said: Vec<_> = words(&text).collect();
    phrases.iter().any(|phrase| {
        let phrase = phrase.to_lowercase();
        let phrase: Vec<_> = words(&phrase).collect();
        !phrase.is_empty() && said.windows(phrase.len()).any(|window| window == phrase)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word() {
        let text = "None of (`fraud-team`,`a b`) at https://auth.gaudi.example, kid: 4fAuDx.";
        let found: Vec<_> = words(text).collect();
        assert_eq!(
            found,
            [
                "None",
                "of",
                "fraud-team",
                "a",
                "b",
                "at",
                "https://auth.gaudi.example",
                "kid",
                "4fAuDx"
            ]
        );
    }

    #[test]
    fn phrases_are_found_and_parts_of_words_are_not() {
        for (text, phrase, there) in [
            ("`aud` must match", "aud", true),
            ("Incorrect token audience.", "audience", true),
            ("the Client ID is another", "client id", true),
            ("Value at 'roleArn' failed", "rolearn", true),
            ("fraud", "aud", false),
            ("client of id", "client id", false),
            ("https://idp.example/kid/aud", "aud", false),
            ("", "aud", false),
            ("aud", "", false),
        ] {
            assert_eq!(hold(text, &[phrase]), there, "{text}: {phrase}");
        }
    }
}
