//! Debian's releases, as far as they matter: which PostgreSQL each of them has.

/// Codename and major version of PostgreSQL, from the oldest that is still served to the newest that is released.
const RELEASES: [(&str, u32); 3] = [("bullseye", 13), ("bookworm", 15), ("trixie", 17)];

/// The codename in the text of an os-release file; empty when it has none.
pub(super) fn codename(os_release: &str) -> &str {
    os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .unwrap_or("")
        .trim_matches('"')
}

/// The release that has this major version of PostgreSQL.
pub(super) fn with_postgresql(major: u32) -> Option<&'static str> {
    let (codename, _) = RELEASES.iter().find(|(_, version)| *version == major)?;
    Some(codename)
}

/// The major version of PostgreSQL in this release.
pub(super) fn postgresql_of(codename: &str) -> Option<u32> {
    let (_, major) = RELEASES.iter().find(|(name, _)| *name == codename)?;
    Some(*major)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_and_majors_lead_to_each_other() {
        assert_eq!(with_postgresql(13), Some("bullseye"));
        assert_eq!(postgresql_of("bookworm"), Some(15));
        assert_eq!(with_postgresql(12), None);
        assert_eq!(postgresql_of("sid"), None);
    }

    #[test]
    fn the_codename_may_be_quoted_or_absent() {
        assert_eq!(
            codename("ID=debian\nVERSION_CODENAME=bookworm\n"),
            "bookworm"
        );
        assert_eq!(codename("VERSION_CODENAME=\"trixie\"\n"), "trixie");
        assert_eq!(codename("ID=arch\n"), "");
    }
}
