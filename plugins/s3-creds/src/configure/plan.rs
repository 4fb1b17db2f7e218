//! Which sections of which files make up the settings of a tool.

use datalab_core::{
    report::{Failure, Kind},
    store::ForeignFile,
    world::World,
};

use super::{
    Request, Tool, alias,
    alias::AliasWork,
    document::Document,
    place, putting,
    putting::{PROFILE_OF, suffix},
    syntax::Syntax,
    talk::{example, notes},
    work::{Edit, Sections, Work},
};
use crate::{
    desk::Desk,
    forms::{AwsProfile, Naming, rclone, s3cmd},
    get,
    issue::Ready,
};

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    /// The profile, alias, remote or secret.
    pub(super) name: String,
    pub(super) works: Vec<Work>,
    /// A command to try it with.
    pub(super) example: Option<String>,
    /// What a person ought to know.
    pub(super) notes: Vec<String>,
}

impl Plan {
    /// The tool's settings for these keys.
    pub(super) fn of(
        request: &Request,
        ready: &Ready,
        naming: &Naming,
        desk: &Desk<'_>,
    ) -> Result<Self, Failure> {
        let issued = &ready.issued;
        if request.renews() && request.tool != Tool::S3cmd && naming.program.is_empty() {
            return Err(Failure::new(
                Kind::Usage,
                "these keys cannot be had again without you: their token, or they themselves, came in once",
            )
            .state("nothing was changed")
            .next("the same command with --static, which writes the keys as they are"));
        }
        let name = naming.profile.clone();
        Ok(Self {
            works: putting::works(request, issued, naming, desk.world)?,
            example: Some(example(request, &name, issued.place().as_deref(), desk)),
            notes: notes(request, ready, naming),
            name,
        })
    }

    /// The same without us.
    pub(super) fn of_removal(request: &Request, world: &World) -> Result<Self, Failure> {
        let path = match request.tool {
            Tool::Aws => place::aws_config(world)?,
            Tool::Rclone => place::rclone(world)?,
            Tool::Duckdb => place::duckdb(world)?,
            Tool::S3cmd => place::s3cmd(world)?,
            Tool::Mc => place::mc(world)?,
        };
        let name = match request
            .name
            .clone()
            .or_else(|| request.source.profile.clone())
        {
            Some(name) => name,
            None => only_one(request.tool, &ForeignFile::at(&path), world)?,
        };
        let removal = |syntax, own, names: &[String]| {
            let mut sections = Sections::new(syntax, own);
            sections.remove.extend_from_slice(names);
            sections
        };
        let config = |names: &[String]| -> Result<Work, Failure> {
            let sections = removal(Syntax::Ini, &AwsProfile::OWN, names);
            Ok(Work::sections(place::aws_config(world)?, sections))
        };
        let profile_of_tool = format!("profile {name}{}", suffix(request.tool));
        let own_name = std::slice::from_ref(&name);
        let works = match request.tool {
            Tool::Aws => vec![
                config(&[format!("profile {name}"), format!("services {name}-s3")])?,
                Work::sections(
                    place::aws_credentials(world)?,
                    removal(Syntax::Ini, &AwsProfile::OWN, own_name),
                ),
            ],
            Tool::Rclone => vec![
                Work::sections(path, removal(Syntax::Ini, &rclone::OWN, own_name)),
                config(&[profile_of_tool])?,
            ],
            Tool::Duckdb => vec![
                Work::sections(path, removal(Syntax::Sql, &[], own_name)),
                config(&[profile_of_tool])?,
            ],
            Tool::S3cmd => vec![Work::sections(
                path,
                removal(Syntax::Ini, &s3cmd::OWN, own_name),
            )],
            Tool::Mc => vec![Work {
                file: ForeignFile::at(path),
                edit: Edit::Alias(AliasWork {
                    name: name.clone(),
                    entry: None,
                }),
            }],
        };
        Ok(Self {
            name,
            works,
            example: None,
            notes: Vec::new(),
        })
    }
}

/// The name of what is ours in a tool's file, if there is only one.
fn only_one(tool: Tool, file: &ForeignFile, world: &World) -> Result<String, Failure> {
    let content = file.read(world)?.unwrap_or_default();
    let names = match tool {
        Tool::Mc => alias::ours(&content, file)?,
        Tool::Duckdb => Document::parse(&content, Syntax::Sql).ours(),
        Tool::Rclone | Tool::S3cmd => Document::parse(&content, Syntax::Ini).ours(),
        Tool::Aws => {
            let sections = Document::parse(&content, Syntax::Ini).ours().into_iter();
            let profiles = sections.filter_map(|section| match section.strip_prefix("profile ") {
                Some(name) => Some(name.to_owned()),
                None => Some(section).filter(|section| section == "default"),
            });
            profiles
                .filter(|name| !PROFILE_OF.iter().any(|(_, suffix)| name.ends_with(suffix)))
                .collect()
        }
    };
    match names.as_slice() {
        [] => Ok(get::DEFAULT_NAME.to_owned()),
        [name] => Ok(name.clone()),
        names => Err(Failure::new(
            Kind::NotFound,
            format!(
                "several things in {} are ours: {}",
                file.path().display(),
                names.join(", ")
            ),
        )
        .state("nothing was changed")
        .next("the same command with --name NAME")),
    }
}
