use proc_macro2::{TokenStream, TokenTree};

/// A path in tokens that nobody has parsed, such as those of a macro's call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) line: usize,
    pub(super) segments: Vec<String>,
    /// Whether a `!` follows: the path names a macro.
    pub(super) calls: bool,
}

/// Every path of two or more names, and every macro that is called, at any depth. `use` trees are
/// taken apart. With `literals`, texts that are a path count as one, as in `#[serde(with = "…")]`.
pub(super) fn paths(tokens: TokenStream, literals: bool) -> Vec<Found> {
    let mut found = Vec::new();
    read(tokens, &[], literals, &mut found);
    found
}

/// Whether the word stands anywhere in the tokens.
pub(super) fn contain(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => contain(group.stream(), word),
        _ => false,
    })
}

/// Reads tokens that stand behind `stem::{`, or on their own when the stem is empty.
fn read(tokens: TokenStream, stem: &[String], literals: bool, found: &mut Vec<Found>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Group(group) => read(group.stream(), &[], literals, found),
            TokenTree::Literal(literal) if literals => {
                let text = literal.to_string();
                let path = syn::parse_str::<syn::LitStr>(&text)
                    .ok()
                    .and_then(|text| text.parse::<syn::Path>().ok())
                    .filter(|path| path.segments.len() > 1);
                if let Some(path) = path {
                    found.push(Found {
                        line: literal.span().start().line,
                        segments: path
                            .segments
                            .iter()
                            .map(|segment| segment.ident.to_string())
                            .collect(),
                        calls: false,
                    });
                }
            }
            TokenTree::Ident(ident) => {
                let line = ident.span().start().line;
                let mut segments = stem.to_vec();
                segments.push(ident.to_string());
                let mut tree = false;
                while is_separator(&tokens, at) {
                    match tokens.get(at + 2) {
                        Some(TokenTree::Ident(ident)) => segments.push(ident.to_string()),
                        Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                            segments.push("*".to_owned());
                        }
                        Some(TokenTree::Group(group)) => {
                            read(group.stream(), &segments, literals, found);
                            tree = true;
                        }
                        // A turbofish ends what names something.
                        _ => break,
                    }
                    at += 3;
                }
                let calls = matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == '!')
                    && !matches!(tokens.get(at + 1), Some(TokenTree::Punct(mark)) if mark.as_char() == '=');
                if !tree && (segments.len() > 1 || calls) {
                    found.push(Found {
                        line,
                        segments,
                        calls,
                    });
                }
            }
            TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// Whether `::` stands at this place.
fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon =
        |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    colon(at) && colon(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, literals: bool) -> Vec<String> {
        let paths = paths(text.parse().unwrap(), literals);
        paths
            .into_iter()
            .map(|found| {
                format!(
                    "{}{}",
                    found.segments.join("::"),
                    if found.calls { "!" } else { "" }
                )
            })
            .collect()
    }

    #[test]
    fn paths_are_found_at_any_depth() {
        assert_eq!(
            found("a, f(b::c, [x + crate::d::E::<u8>::f()]), $crate::g", false),
            ["b::c", "crate::d::E", "crate::g"]
        );
        assert_eq!(
            found("use a::{b, c::{self, d::*}};", false),
            ["a::b", "a::c::self", "a::c::d::*"]
        );
        assert_eq!(
            found("println!(\"\"); x != y; std::dbg!(1)", false),
            ["println!", "std::dbg!"]
        );
    }

    #[test]
    fn texts_count_where_they_may_be_paths() {
        assert_eq!(
            found("with = \"crate::a::b\", rename = \"c\", d = \"e f\"", true),
            ["crate::a::b"]
        );
        assert!(found("\"crate::a::b\"", false).is_empty());
    }

    #[test]
    fn words_are_found_at_any_depth() {
        assert!(contain(
            "all(test, any(feature = \"x\"))".parse().unwrap(),
            "feature"
        ));
        assert!(!contain("target = \"feature\"".parse().unwrap(), "feature"));
    }
}
