//! What a person sees of a page: its text, and the forms that she can fill in.

use std::sync::LazyLock;

use regex::Regex;

/// The names and values that a form sends.
pub(super) type Form = Vec<(String, String)>;

/// A page of a login.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) forms: Vec<Fields>,
    /// Its words, on one line.
    pub(super) text: String,
}

/// A form that is not filled in yet.
#[derive(Debug)]
pub(super) struct Fields {
    action: String,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: String,
    value: String,
    is_button: bool,
}

impl Page {
    /// Reads HTML as plainly as login pages are written: no script has to run for their forms.
    pub(super) fn read(html: &str) -> Self {
        static FORM: LazyLock<Regex> =
            LazyLock::new(|| pattern(r"(?is)<form\b([^>]*)>(.*?)</form>"));
        static FIELD: LazyLock<Regex> =
            LazyLock::new(|| pattern(r"(?is)<(input|button)\b([^>]*)>"));
        static UNSEEN: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r"(?is)<script\b.*?</script>|<style\b.*?</style>|<head\b.*?</head>|<[^>]*>")
        });
        let forms = FORM.captures_iter(html).map(|form| Fields {
            action: attribute(&form[1], "action").unwrap_or_default(),
            fields: FIELD
                .captures_iter(&form[2])
                .filter_map(|field| {
                    let kind = attribute(&field[2], "type").unwrap_or_default();
                    Some(Field {
                        name: attribute(&field[2], "name")?,
                        value: attribute(&field[2], "value").unwrap_or_default(),
                        is_button: field[1].eq_ignore_ascii_case("button") || kind == "submit",
                    })
                })
                .collect(),
        });
        let text = UNSEEN.replace_all(html, " ");
        let words: Vec<&str> = text.split_whitespace().collect();
        Self {
            forms: forms.collect(),
            text: unescaped(&words.join(" ")),
        }
    }
}

impl Fields {
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// Sends these values in the fields that there are, and the others as they stand.
    pub(super) fn filled(&self, values: &[(&str, &str)]) -> (String, Form) {
        let typed = |field: &Field| {
            let typed = values.iter().find(|(name, _)| *name == field.name);
            typed.map_or_else(|| field.value.clone(), |(_, value)| (*value).to_owned())
        };
        let fields = self.fields.iter().filter(|field| !field.is_button);
        let form = fields.map(|field| (field.name.clone(), typed(field)));
        (self.action.clone(), form.collect())
    }

    /// Presses one button.
    pub(super) fn pressed(&self, button: &str) -> (String, Form) {
        let fields = self.fields.iter();
        let form = fields
            .filter(|field| !field.is_button || field.name == button)
            .map(|field| (field.name.clone(), field.value.clone()));
        (self.action.clone(), form.collect())
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    static ATTRIBUTE: LazyLock<Regex> =
        LazyLock::new(|| pattern(r#"(?is)([a-z-]+)\s*=\s*"([^"]*)""#));
    let mut found = ATTRIBUTE.captures_iter(tag);
    let found = found.find(|found| found[1].eq_ignore_ascii_case(name))?;
    Some(unescaped(&found[2]))
}

/// The entities that pages have in addresses and words.
fn unescaped(text: &str) -> String {
    [
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (entity, sign)| {
        text.replace(entity, sign)
    })
}

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("because it is a constant that the tests compile")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str = r#"<html><head><title>t</title><style>p{}</style></head><body><h1>Sign in &amp; go</h1>
        <form id="f" action="https://h/authenticate?code=1&amp;tab=2" method="post">
        <input name="username" value="" type="text"/><input type="password" name="password"/>
        <input type="hidden" name="credentialId"/><input name="login" type="submit" value="Sign In"/></form></body>"#;

    const CONSENT: &str = r#"<form action="/consent" method="POST"><input type="hidden" name="code" value="x">
        <input name="accept" type="submit" value="Yes"/><button name="cancel" value="No">No</button></form>"#;

    fn pairs(form: &Form) -> Vec<(&str, &str)> {
        form.iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    #[test]
    fn a_password_is_typed_where_it_is_asked_for() {
        let page = Page::read(LOGIN);
        assert_eq!(page.text, "Sign in & go");
        assert!(page.forms[0].has("password"));
        let (action, form) = page.forms[0].filled(&[("username", "alice"), ("password", "p")]);
        assert_eq!(action, "https://h/authenticate?code=1&tab=2");
        assert_eq!(
            pairs(&form),
            [
                ("username", "alice"),
                ("password", "p"),
                ("credentialId", "")
            ]
        );
    }

    #[test]
    fn one_button_of_two_is_pressed() {
        let page = Page::read(CONSENT);
        let (_, yes) = page.forms[0].pressed("accept");
        assert_eq!(pairs(&yes), [("code", "x"), ("accept", "Yes")]);
        let (_, no) = page.forms[0].pressed("cancel");
        assert_eq!(pairs(&no), [("code", "x"), ("cancel", "No")]);
    }
}
