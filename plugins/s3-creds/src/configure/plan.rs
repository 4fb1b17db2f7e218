//! Which sections of which files make up the settings of a tool.

use datalab_core::{
    report::{Failure, Kind, quoted_if_needed, whole_seconds},
    store::ForeignFile,
    world::World,
};

use super::{
    Request, Tool, alias,
    alias::AliasWork,
    document::Document,
    place,
    syntax::Syntax,
    work::{Edit, Sections, Work},
};
use crate::{
    desk::Desk,
    forms::{AwsProfile, Naming, duckdb, rclone, s3cmd},
    issue::Ready,
};

/// What tools call it where neither the user nor the platform has a name.
const DEFAULT_NAME: &str = "datalab";

/// What stands after a name for the AWS profile of a tool that has the store in its own settings.
const PROFILE_OF: [(Tool, &str); 2] = [(Tool::Rclone, "-rclone"), (Tool::Duckdb, "-duckdb")];

/// A command of DuckDB's shell: what the next statements say goes nowhere.
const NO_OUTPUT: &str = if cfg!(windows) {
    ".once NUL"
} else {
    ".once /dev/null"
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
        let world = desk.world;
        let issued = &ready.issued;
        let renews = !request.is_static && request.tool != Tool::Mc;
        if renews && request.tool != Tool::S3cmd && naming.program.is_empty() {
            return Err(Failure::new(
                Kind::Usage,
                "these keys cannot be had again without you: their token, or they themselves, came in once",
            )
            .state("nothing was changed")
            .next("the same command with --static, which writes the keys as they are"));
        }
        let name = naming.profile.clone();
        let profile_of_tool = format!("{name}{}", suffix(request.tool));
        let mut works = Vec::new();
        match request.tool {
            Tool::Aws => {
                let profile = match renews {
                    true => AwsProfile::renewing(issued, naming)?,
                    false => AwsProfile::fixed(issued, naming)?,
                };
                works.push(aws_config(world)?.putting(&profile.config));
                let mut credentials = Sections::new(Syntax::Ini, &AwsProfile::OWN);
                match profile.credentials {
                    Some(section) => credentials = credentials.putting(&[section]),
                    // The SDKs believe keys that are written down before a program.
                    None => credentials.outdo.push(name.clone()),
                }
                works.push(Works(place::aws_credentials(world)?, credentials));
            }
            Tool::Rclone => {
                let profile = renews.then_some(&*profile_of_tool);
                let remote = rclone::section(issued, &name, profile)?;
                let sections = Sections::new(Syntax::Ini, &rclone::OWN).putting(&[remote]);
                works.push(Works(place::rclone(world)?, sections));
                works.push(profile_for(&profile_of_tool, renews, naming, world)?);
            }
            Tool::Duckdb => {
                let profile = renews.then_some(&*profile_of_tool);
                let statement = duckdb::statement(issued, naming, profile)?;
                let mut sections = Sections::new(Syntax::Sql, &[]);
                // Each start would print that the secret was made, in front of what is asked for.
                let lines = vec![format!("[{name}]"), NO_OUTPUT.to_owned(), statement];
                sections.put.push((name.clone(), lines));
                works.push(Works(place::duckdb(world)?, sections));
                works.push(profile_for(&profile_of_tool, renews, naming, world)?);
            }
            Tool::S3cmd => {
                let section = s3cmd::section(issued, naming, request.is_static)?;
                let mut sections = Sections::new(Syntax::Ini, &s3cmd::OWN).putting(&[section]);
                sections.shadowed.extend(s3cmd::OWN);
                works.push(Works(place::s3cmd(world)?, sections));
            }
            Tool::Mc => {}
        }
        let mut works: Vec<Work> = works.into_iter().map(Works::work).collect();
        if request.tool == Tool::Mc {
            works.push(Work {
                file: ForeignFile::at(place::mc(world)?),
                edit: Edit::Alias(AliasWork::of(issued, &name)?),
            });
        }
        let bucket = issued.place();
        Ok(Self {
            example: Some(example(request, &name, bucket.as_deref(), desk)),
            notes: notes(request, ready, naming),
            name,
            works,
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

/// A file in sections, before it is known which.
struct Works(std::path::PathBuf, Sections);

impl Works {
    fn putting(self, sections: &[crate::forms::Section]) -> Self {
        Self(self.0, self.1.putting(sections))
    }

    fn work(self) -> Work {
        Work::sections(self.0, self.1)
    }
}

fn aws_config(world: &World) -> Result<Works, Failure> {
    Ok(Works(
        place::aws_config(world)?,
        Sections::new(Syntax::Ini, &AwsProfile::OWN),
    ))
}

/// The AWS profile by which a tool gets its keys; none where it has them.
fn profile_for(
    profile: &str,
    renews: bool,
    naming: &Naming,
    world: &World,
) -> Result<Works, Failure> {
    let mut config = aws_config(world)?;
    if !renews {
        config.1.remove.push(format!("profile {profile}"));
        return Ok(config);
    }
    let naming = Naming {
        profile: profile.to_owned(),
        ..naming.clone()
    };
    Ok(config.putting(&AwsProfile::of_keys(&naming)?.config))
}

fn suffix(tool: Tool) -> &'static str {
    let found = PROFILE_OF.iter().find(|(other, _)| *other == tool);
    found.map_or("", |(_, suffix)| suffix)
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
        [] => Ok(DEFAULT_NAME.to_owned()),
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

fn example(request: &Request, name: &str, bucket: Option<&str>, desk: &Desk<'_>) -> String {
    let place = bucket.unwrap_or_default();
    match request.tool {
        Tool::Aws => {
            let place = bucket
                .map(|place| format!(" s3://{place}/"))
                .unwrap_or_default();
            match name {
                "default" => format!("aws s3 ls{place}"),
                name => format!("aws s3 ls{place} --profile {name}"),
            }
        }
        Tool::Mc => format!("mc ls {name}/{place}"),
        Tool::Rclone => format!("rclone lsf {name}:{place}"),
        Tool::S3cmd => {
            let place = bucket
                .map(|place| format!(" s3://{place}/"))
                .unwrap_or_default();
            match request.is_static {
                true => format!("s3cmd ls{place}"),
                false => {
                    let flags = request.source.words().unwrap_or_default();
                    let flags: String = flags
                        .iter()
                        .map(|flag| format!(" {}", quoted_if_needed(flag)))
                        .collect();
                    format!("{} exec{flags} -- s3cmd ls{place}", desk.name)
                }
            }
        }
        Tool::Duckdb => format!(
            "duckdb -c \"FROM glob('s3://{}/*')\"",
            bucket.unwrap_or("BUCKET")
        ),
    }
}

fn notes(request: &Request, ready: &Ready, naming: &Naming) -> Vec<String> {
    let mut notes = ready.notes.clone();
    let has_keys = request.is_static || request.tool == Tool::Mc;
    if let (true, Some(expires)) = (has_keys, ready.expires) {
        notes.push(format!(
            "the keys themselves are in the file, and end at {}: the same command writes new ones",
            get_time(expires)
        ));
    }
    if request.tool == Tool::S3cmd && has_keys && ready.expires.is_some() {
        notes.push(
            "s3cmd looks for a cloud machine's role before each request when its file holds a \
             token: it waits some seconds, or takes that role's keys"
                .to_owned(),
        );
    }
    if request.tool == Tool::S3cmd && !has_keys {
        notes.push("s3cmd cannot ask for keys: it takes them from its environment".to_owned());
    }
    if let (Some(file), Tool::Rclone) = (&naming.ca_file, request.tool) {
        notes.push(format!(
            "rclone has no such setting for one remote: set RCLONE_CA_CERT={}",
            file.display()
        ));
    }
    if let (Some(file), Tool::Mc) = (&naming.ca_file, request.tool) {
        notes.push(format!(
            "mc takes authorities from certs/CAs beside its file only: copy {} there",
            file.display()
        ));
    }
    notes
}

fn get_time(time: jiff::Timestamp) -> String {
    whole_seconds(time)
}
