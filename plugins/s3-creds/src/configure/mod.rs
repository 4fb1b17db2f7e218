//! Settings of other tools, in their own files: written so that all else in them stays.

mod alias;
mod block;
mod document;
mod outcome;
mod place;
mod plan;
mod putting;
mod shown;
mod syntax;
mod talk;
#[cfg(test)]
mod tests;
mod work;

use std::path::PathBuf;

use clap::ValueEnum;
use datalab_core::{
    report::{Failure, Kind, quoted_if_needed},
    store::{Edited, Effect},
};

pub(crate) use self::outcome::Configured;
use self::{
    outcome::FileReport,
    plan::Plan,
    work::{Order, Work},
};
use crate::{desk::Desk, forms, get, issue, issue::Terms, source::Source};

/// A tool that has settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// A profile of the aws CLI, boto3 and all other SDKs of AWS
    Aws,
    /// An alias of MinIO's client; with the keys, which it cannot renew
    Mc,
    /// A remote of rclone
    Rclone,
    /// The store of s3cmd
    S3cmd,
    /// A secret of the duckdb command
    Duckdb,
}

impl Tool {
    /// The name that it is started by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Mc => "mc",
            Self::Rclone => "rclone",
            Self::S3cmd => "s3cmd",
            Self::Duckdb => "duckdb",
        }
    }
}

/// What is to be configured.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) tool: Tool,
    pub(crate) source: Source,
    pub(crate) terms: Terms,
    /// The profile, alias, remote or secret.
    pub(crate) name: Option<String>,
    /// Where this program lies.
    pub(crate) own_path: PathBuf,
    /// Whether ours is taken out, rather than put in.
    pub(crate) removes: bool,
    /// Whether what others have written gives way.
    pub(crate) forces: bool,
    /// Whether the keys themselves are written.
    pub(crate) is_static: bool,
    pub(crate) is_dry: bool,
}

impl Request {
    /// Whether the tool gets new keys by itself, rather than those of now. mc cannot.
    fn renews(&self) -> bool {
        !self.is_static && self.tool != Tool::Mc
    }
}

/// Writes a tool's settings, or takes ours out of them.
pub(crate) async fn configure(request: &Request, desk: &Desk<'_>) -> Result<Configured, Failure> {
    let plan = match request.removes {
        true => Plan::of_removal(request, desk.world)?,
        false => {
            let ready = issue::issue(&request.source, &request.terms, desk).await?;
            let Request {
                source,
                terms,
                name,
                own_path,
                ..
            } = request;
            let naming = get::naming(&ready, source, terms, name.as_ref(), own_path);
            // A platform names its profiles, and a token service its keys, as they like.
            forms::refuse_control_characters(&ready.issued, &naming)?;
            Plan::of(request, &ready, &naming, desk)?
        }
    };
    let undo = format!(
        "{} configure {} --name {} --remove",
        desk.name,
        request.tool.name(),
        quoted_if_needed(&plan.name)
    );
    let carried_out = Carrying {
        plan: &plan,
        request,
        undo: &undo,
        desk,
    };
    // All conflicts before the first write.
    let mut files = Vec::with_capacity(plan.works.len());
    for work in &plan.works {
        files.push(carried_out.foreseen(work)?);
    }
    if !request.is_dry {
        for (work, report) in plan.works.iter().zip(&mut files) {
            report.carried_out(carried_out.write(work)?);
        }
    }
    Ok(Configured::new(plan, files, request, undo))
}

/// A plan that is being carried out.
struct Carrying<'a> {
    plan: &'a Plan,
    request: &'a Request,
    undo: &'a str,
    desk: &'a Desk<'a>,
}

impl Carrying<'_> {
    fn order(&self, work: &Work) -> Result<Order<'_>, Failure> {
        Ok(Order {
            forces: self.request.forces,
            undo: self.undo,
            was_there: work.file.read_backup()?.is_some(),
        })
    }

    /// What would become of a file, and with nothing written.
    fn foreseen(&self, work: &Work) -> Result<FileReport, Failure> {
        let content = work.file.read(self.desk.world)?;
        let order = self.order(work)?;
        let change = work.change(content.as_deref(), &order)?;
        Ok(FileReport::foreseen(work, content.as_deref(), &change))
    }

    fn write(&self, work: &Work) -> Result<Edited, Failure> {
        let order = self.order(work)?;
        let edited = work
            .file
            .edit(self.desk.world, |content| work.change(content, &order));
        edited.map_err(|failure| match self.plan.works.first() {
            // Earlier files are written by now; writing them again changes nothing.
            Some(first) if first.file.path() != work.file.path() => failure
                .with_kind(Kind::Partial)
                .state(format!(
                    "{} is written already",
                    first.file.path().display()
                ))
                .next(format!("the same command again, or {}", self.undo)),
            _ => failure,
        })
    }
}

/// What has become of a file, in a word for machines.
fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Unchanged => "unchanged",
        Effect::Made => "created",
        Effect::Rewritten => "changed",
        Effect::Removed => "removed",
    }
}
