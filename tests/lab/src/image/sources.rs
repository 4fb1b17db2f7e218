//! The host's own apt sources, as far as they are its distribution's.

/// A source in apt's one-line form.
type Line = String;

/// The sources of distribution `codename`, from the texts of `/etc/apt/sources.list` and its kin.
///
/// Other sources are left out: a root file system needs none of them, and it would fail with them.
pub(super) fn of_distribution(codename: &str, one_line: &[String], deb822: &[String]) -> Vec<Line> {
    let ours = |suite: &str| {
        suite
            .strip_prefix(codename)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let mut lines = Vec::new();
    for line in one_line.iter().flat_map(|text| text.lines()).map(str::trim) {
        let Some(rest) = line.strip_prefix("deb ").map(str::trim_start) else {
            continue;
        };
        // Options in brackets come before the address.
        let plain = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']').map_or("", |(_, plain)| plain),
            None => rest,
        };
        let mut words = plain.split_whitespace().skip(1);
        if words.next().is_some_and(ours) && words.any(|component| component == "main") {
            lines.push(line.to_owned());
        }
    }
    for stanza in deb822.iter().flat_map(|text| stanzas(text)) {
        lines.extend(from_stanza(&stanza, ours));
    }
    lines
}

/// The same source for another release: `bookworm-security` becomes `trixie-security`.
///
/// Mirrors have all releases side by side, signed by keys that the distribution's keyring holds.
pub(super) fn of_release(line: &str, from: &str, to: &str) -> Line {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    // Options in brackets come before the address, and the suite after it.
    let address = words
        .iter()
        .position(|word| word.contains("://"))
        .unwrap_or(words.len());
    if let Some(suite) = words
        .iter_mut()
        .skip(address + 1)
        .find(|word| !word.is_empty())
        && let Some(rest) = suite.strip_prefix(from)
    {
        *suite = format!("{to}{rest}");
    }
    words.join(" ")
}

/// Field name (lower case) and value; continuation lines are joined by a newline.
type Stanza = Vec<(String, String)>;

fn stanzas(text: &str) -> Vec<Stanza> {
    let mut all = vec![Stanza::new()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.trim().is_empty() {
            all.push(Stanza::new());
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = all.last_mut().and_then(|stanza| stanza.last_mut()) {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            let field = (name.trim().to_lowercase(), value.trim().to_owned());
            if let Some(stanza) = all.last_mut() {
                stanza.push(field);
            }
        }
    }
    all
}

fn from_stanza(stanza: &Stanza, ours: impl Fn(&str) -> bool) -> Vec<Line> {
    let field = |name: &str| {
        stanza
            .iter()
            .find(|(field, _)| field == name)
            .map_or("", |(_, value)| value.as_str())
    };
    let has = |name: &str, word: &str| field(name).split_whitespace().any(|found| found == word);
    if !has("types", "deb") || !has("components", "main") || field("enabled") == "no" {
        return Vec::new();
    }
    // A key within the file has no place in the one-line form; the host's keyrings hold it too.
    let signed_by = field("signed-by");
    let options = if signed_by.starts_with('/') && !signed_by.contains(char::is_whitespace) {
        format!("[signed-by={signed_by}] ")
    } else {
        String::new()
    };
    let suites = || {
        field("suites")
            .split_whitespace()
            .filter(|suite| ours(suite))
    };
    field("uris")
        .split_whitespace()
        .flat_map(|uri| suites().map(move |suite| (uri, suite)))
        .map(|(uri, suite)| format!("deb {options}{uri} {suite} main"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_become_lines_and_foreign_sources_are_left_out() {
        let deb822 = "Types: deb\n# a mirror\nURIs: http://mirror/debian\n\
            Suites: bookworm bookworm-updates\nComponents: main contrib\n\
            Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
            Types: deb\nURIs: https://elsewhere\nSuites: nodistro\nComponents: main\n\n\
            Types: deb-src\nURIs: http://mirror/debian\nSuites: bookworm\nComponents: main\n\n\
            Enabled: no\nTypes: deb\nURIs: http://off\nSuites: bookworm\nComponents: main\n";
        let lines = of_distribution("bookworm", &[], &[deb822.to_owned()]);
        let key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
        assert_eq!(
            lines,
            [
                format!("deb {key} http://mirror/debian bookworm main"),
                format!("deb {key} http://mirror/debian bookworm-updates main"),
            ]
        );
    }

    #[test]
    fn another_release_differs_in_the_suite_alone() {
        let line = "deb [signed-by=/k/bookworm.gpg] http://bookworm/debian bookworm-security main";
        assert_eq!(
            of_release(line, "bookworm", "trixie"),
            "deb [signed-by=/k/bookworm.gpg] http://bookworm/debian trixie-security main"
        );
        assert_eq!(
            of_release("deb http://m bookworm main contrib", "bookworm", "bullseye"),
            "deb http://m bullseye main contrib"
        );
    }

    #[test]
    fn an_embedded_key_is_dropped() {
        let deb822 = "Types: deb\nURIs: http://m\nSuites: trixie\nComponents: main\n\
            Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n";
        assert_eq!(
            of_distribution("trixie", &[], &[deb822.to_owned()]),
            ["deb http://m trixie main"]
        );
    }

    #[test]
    fn one_line_sources_keep_their_options() {
        let list = "# comment\ndeb [arch=amd64 signed-by=/k.gpg] http://m bookworm main contrib\n\
            deb http://other cloud-sdk-bookworm main\ndeb http://m bookworm stable\n\
            deb http://m bookworms main\n";
        assert_eq!(
            of_distribution("bookworm", &[list.to_owned()], &[]),
            ["deb [arch=amd64 signed-by=/k.gpg] http://m bookworm main contrib"]
        );
    }
}
