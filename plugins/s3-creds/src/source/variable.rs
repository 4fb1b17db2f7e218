//! Variables that say what flags do not; a flag wins over its own.

pub(crate) const ONYXIA: &str = "DATALAB_ONYXIA";
pub(crate) const PROFILE: &str = "DATALAB_S3_PROFILE";
pub(crate) const ENDPOINT: &str = "DATALAB_S3_ENDPOINT";
pub(crate) const STS_ENDPOINT: &str = "DATALAB_STS_ENDPOINT";
pub(crate) const ROLE_ARN: &str = "DATALAB_S3_ROLE_ARN";
pub(crate) const ISSUER: &str = "DATALAB_ISSUER";
pub(crate) const CLIENT_ID: &str = "DATALAB_CLIENT_ID";
pub(crate) const CA_FILE: &str = "DATALAB_CA_FILE";

/// All of them: the same flags mean other keys when one of these says something else.
pub(crate) const ALL: [&str; 8] = [
    ONYXIA,
    PROFILE,
    ENDPOINT,
    STS_ENDPOINT,
    ROLE_ARN,
    ISSUER,
    CLIENT_ID,
    CA_FILE,
];

#[cfg(test)]
mod tests {
    use datalab_core::world::VARIABLES;

    use super::ALL;

    const README: &str = include_str!("../../README.md");

    #[test]
    fn each_is_documented() {
        let of_tool = VARIABLES
            .iter()
            .filter(|variable| variable.purpose.starts_with("s3-creds"));
        let names: Vec<_> = of_tool.map(|variable| variable.name).chain(ALL).collect();
        assert!(names.len() > ALL.len());
        for name in names {
            assert!(README.contains(&format!("`{name}`")), "{name}");
        }
        let pages = crate::examples::of_all();
        for name in ALL {
            assert!(pages.contains(name), "{name}");
        }
    }
}
