//! What is written for each tool.

use datalab_core::{report::Failure, store::ForeignFile, world::World};

use super::{
    Request, Tool,
    alias::AliasWork,
    place,
    syntax::Syntax,
    work::{Edit, Sections, Work},
};
use crate::{
    forms::{AwsProfile, Naming, duckdb, rclone, s3cmd},
    issued::Issued,
};

/// What stands after a name for the AWS profile of a tool that has the store in its own settings.
pub(super) const PROFILE_OF: [(Tool, &str); 2] =
    [(Tool::Rclone, "-rclone"), (Tool::Duckdb, "-duckdb")];

/// A command of DuckDB's shell: what the next statements say goes nowhere.
const NO_OUTPUT: &str = if cfg!(windows) {
    ".once NUL"
} else {
    ".once /dev/null"
};

/// The files of a tool, with its settings for these keys.
pub(super) fn works(
    request: &Request,
    issued: &Issued,
    naming: &Naming,
    world: &World,
) -> Result<Vec<Work>, Failure> {
    let name = &naming.profile;
    let profile = format!("{name}{}", suffix(request.tool));
    let by_profile = request.renews().then_some(&*profile);
    match request.tool {
        Tool::Aws => aws(request.renews(), issued, naming, world),
        Tool::Rclone => {
            let remote = rclone::section(issued, name, by_profile)?;
            let sections = Sections::new(Syntax::Ini, &rclone::OWN).putting(&[remote]);
            Ok(vec![
                Work::sections(place::rclone(world)?, sections),
                aws_profile(&profile, request.renews(), naming, world)?,
            ])
        }
        Tool::Duckdb => {
            let statement = duckdb::statement(issued, naming, by_profile)?;
            let mut sections = Sections::new(Syntax::Sql, &[]);
            // Each start would print that the secret was made, in front of what is asked for.
            let lines = vec![format!("[{name}]"), NO_OUTPUT.to_owned(), statement];
            sections.put.push((name.clone(), lines));
            Ok(vec![
                Work::sections(place::duckdb(world)?, sections),
                aws_profile(&profile, request.renews(), naming, world)?,
            ])
        }
        Tool::S3cmd => {
            let section = s3cmd::section(issued, naming, request.is_static)?;
            let mut sections = Sections::new(Syntax::Ini, &s3cmd::OWN).putting(&[section]);
            sections.shadowed.extend(s3cmd::OWN);
            Ok(vec![Work::sections(place::s3cmd(world)?, sections)])
        }
        Tool::Mc => Ok(vec![Work {
            file: ForeignFile::at(place::mc(world)?),
            edit: Edit::Alias(AliasWork::of(issued, name)?),
        }]),
    }
}

/// A profile of AWS' SDKs, and their keys, which may not be written down where it gets new ones.
fn aws(
    renews: bool,
    issued: &Issued,
    naming: &Naming,
    world: &World,
) -> Result<Vec<Work>, Failure> {
    let profile = match renews {
        true => AwsProfile::renewing(issued, naming)?,
        false => AwsProfile::fixed(issued, naming)?,
    };
    let config = Sections::new(Syntax::Ini, &AwsProfile::OWN).putting(&profile.config);
    let mut credentials = Sections::new(Syntax::Ini, &AwsProfile::OWN);
    match profile.credentials {
        Some(section) => credentials = credentials.putting(&[section]),
        // The SDKs believe keys that are written down before a program.
        None => credentials.outdo.push(naming.profile.clone()),
    }
    Ok(vec![
        Work::sections(place::aws_config(world)?, config),
        Work::sections(place::aws_credentials(world)?, credentials),
    ])
}

/// The AWS profile by which a tool gets its keys; taken out where it has them.
fn aws_profile(
    profile: &str,
    renews: bool,
    naming: &Naming,
    world: &World,
) -> Result<Work, Failure> {
    let mut config = Sections::new(Syntax::Ini, &AwsProfile::OWN);
    match renews {
        true => {
            let naming = Naming {
                profile: profile.to_owned(),
                ..naming.clone()
            };
            config = config.putting(&AwsProfile::of_keys(&naming)?.config);
        }
        false => config.remove.push(format!("profile {profile}")),
    }
    Ok(Work::sections(place::aws_config(world)?, config))
}

/// What stands after a name for the AWS profile of a tool.
pub(super) fn suffix(tool: Tool) -> &'static str {
    let found = PROFILE_OF.iter().find(|(other, _)| *other == tool);
    found.map_or("", |(_, suffix)| suffix)
}
