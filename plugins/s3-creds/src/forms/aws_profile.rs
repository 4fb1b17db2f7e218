use datalab_core::report::{Failure, quoted_if_needed};

use super::{
    Naming,
    naming::unfit,
    section::{self, Section},
};
use crate::issued::{Issued, Server};

/// A profile of the AWS SDKs: the sections of the file `config`, and of the file `credentials`.
///
/// <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>
pub(crate) struct AwsProfile {
    /// The profile and its services.
    pub(crate) config: Vec<Section>,
    /// The keys, where they are written down.
    pub(crate) credentials: Option<Section>,
}

/// One that asks for keys when they are needed; with the keys in it where nothing can be asked.
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    if !naming.program.is_empty() {
        return Ok(section::text(&AwsProfile::renewing(issued, naming)?.config));
    }
    // The SDKs take keys from the file of the profiles too.
    let AwsProfile {
        mut config,
        credentials,
    } = AwsProfile::fixed(issued, naming)?;
    let entries = credentials.map(|section| section.entries);
    config[0].entries.splice(0..0, entries.unwrap_or_default());
    Ok(section::text(&config))
}

impl AwsProfile {
    /// The keys of the sections that are written here.
    pub(crate) const OWN: [&str; 12] = [
        "credential_process",
        "region",
        "services",
        "request_checksum_calculation",
        "response_checksum_validation",
        "ca_bundle",
        "s3",
        "sts",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "x_security_token_expires",
    ];

    /// A profile whose keys come from this program, as often as the SDK wants new ones.
    ///
    /// # Errors
    /// [`Kind::Usage`](datalab_core::report::Kind::Usage): a name or a value has no place in it.
    pub(crate) fn renewing(issued: &Issued, naming: &Naming) -> Result<Self, Failure> {
        let mut profile = profile(naming)?;
        profile.put("credential_process", &command_line(&naming.program))?;
        let services = store(&mut profile, issued, naming, None)?;
        Ok(Self {
            config: vec![profile, services],
            credentials: None,
        })
    }

    /// A profile that gives keys and says nothing about a store, for tools that have the store in
    /// their own settings.
    ///
    /// # Errors
    /// As [`renewing`](Self::renewing).
    pub(crate) fn of_keys(naming: &Naming) -> Result<Self, Failure> {
        let mut profile = profile(naming)?;
        profile.put("credential_process", &command_line(&naming.program))?;
        Ok(Self {
            config: vec![profile],
            credentials: None,
        })
    }

    /// A profile with the keys as they are now.
    ///
    /// # Errors
    /// As [`renewing`](Self::renewing).
    pub(crate) fn fixed(issued: &Issued, naming: &Naming) -> Result<Self, Failure> {
        let mut profile = profile(naming)?;
        let services = store(&mut profile, issued, naming, None)?;
        let mut keys = Section {
            name: naming.profile.clone(),
            entries: Vec::new(),
        };
        let credentials = &issued.credentials;
        keys.put("aws_access_key_id", &credentials.access_key_id)?;
        let secret = credentials.secret_access_key.expose();
        keys.put("aws_secret_access_key", secret)?;
        if let Some(token) = &credentials.session_token {
            keys.put("aws_session_token", token.expose())?;
        }
        if let Some(expiration) = credentials.expiration_text() {
            // No SDK reads it; saml2aws and others write it under this name, for people.
            keys.put("x_security_token_expires", &expiration)?;
        }
        Ok(Self {
            config: vec![profile, services],
            credentials: Some(keys),
        })
    }
}

/// The empty section of a profile.
pub(super) fn profile(naming: &Naming) -> Result<Section, Failure> {
    let name = checked_name(&naming.profile)?;
    Ok(Section {
        name: match name {
            "default" => name.to_owned(),
            name => format!("profile {name}"),
        },
        entries: Vec::new(),
    })
}

/// Adds where the store is; the services are a section of their own.
pub(super) fn store(
    profile: &mut Section,
    issued: &Issued,
    naming: &Naming,
    sts_url: Option<&str>,
) -> Result<Section, Failure> {
    let name = format!("{}-s3", naming.profile);
    profile.put("region", &issued.store.region)?;
    profile.put("services", &name)?;
    if issued.server != Server::Aws {
        // SDKs since 2025 add checksums that other stores may refuse (boto3#4392).
        profile.put("request_checksum_calculation", "when_required")?;
        profile.put("response_checksum_validation", "when_required")?;
    }
    if let Some(file) = naming.ca_file()? {
        profile.put("ca_bundle", file)?;
    }
    let style = if issued.store.path_style {
        "path"
    } else {
        "virtual"
    };
    profile.put_map("s3", "addressing_style", style)?;
    let mut services = Section {
        name: format!("services {name}"),
        entries: Vec::new(),
    };
    services.put_map("s3", "endpoint_url", &issued.store.url)?;
    if let Some(url) = sts_url {
        services.put_map("sts", "endpoint_url", url)?;
    }
    Ok(services)
}

/// The characters that every SDK takes in a profile's name.
fn checked_name(name: &str) -> Result<&str, Failure> {
    let is_fit =
        |character: char| character.is_ascii_alphanumeric() || "_-./%@:+".contains(character);
    if !name.is_empty() && name.chars().all(is_fit) {
        Ok(name)
    } else {
        Err(unfit(
            name,
            "an AWS profile",
            "letters, digits and _ - . / % @ : +",
        ))
    }
}

/// The program as a line that `sh -c`, Python's shlex and the reader of the file take apart in the
/// same way: a blank before a # or ; would begin a comment for the last, quoted or not.
fn command_line(program: &[String]) -> String {
    let words: Vec<String> = program
        .iter()
        .map(|word| {
            let mut quoted = quoted_if_needed(word);
            for mark in ['#', ';'] {
                for blank in [' ', '\t'] {
                    quoted = quoted.replace(&format!("{blank}{mark}"), &format!("{blank}''{mark}"));
                }
            }
            quoted
        })
        .collect();
    words.join(" ")
}
