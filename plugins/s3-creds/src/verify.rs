//! Whether keys can be had, and what the store lets them do.

use datalab_core::report::{Failure, Kind, Outcome, table};
use serde::Serialize;

use crate::{
    cause,
    desk::Desk,
    issue::{self, Terms},
    source::Source,
    span::in_words,
    store::{self, Question},
};

/// What was found, one check after the other.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verdict {
    endpoint: String,
    checks: Vec<Check>,
    #[serde(skip)]
    kind: Option<Kind>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    name: String,
    passed: bool,
    detail: String,
}

/// Asks for keys, lists, and on request writes.
pub(crate) async fn verify(
    source: &Source,
    terms: &Terms,
    writes: bool,
    desk: &Desk<'_>,
) -> Result<Verdict, Failure> {
    if writes && source.extent.bucket.is_none() {
        return Err(
            Failure::new(Kind::Usage, "where to write is not said: --bucket NAME")
                .state("nothing was asked for"),
        );
    }
    // Keys at hand say nothing of what the token service does now.
    let terms = Terms {
        anew: true,
        ..*terms
    };
    let ready = issue::issue(source, &terms, desk).await?;
    let issued = &ready.issued;
    let authorities: Vec<_> = ready.ca_file.iter().cloned().collect();
    let client = desk.http(&authorities, &issued.store.url)?;
    let mut verdict = Verdict {
        endpoint: issued.store.url.clone(),
        checks: Vec::new(),
        kind: None,
    };
    let life = ready.expires.map(|expires| {
        let left = expires.duration_since(desk.world.now()).as_secs();
        format!("for {}", in_words(u64::try_from(left).unwrap_or(0)))
    });
    verdict.passed("keys", life.unwrap_or_else(|| "without an end".to_owned()));
    let bucket = source.extent.bucket.as_deref();
    let prefix = source.extent.prefix.as_deref().unwrap_or_default();
    let Some(bucket) = bucket else {
        let answer = store::ask(Question::Buckets, issued, &client, desk.world).await;
        verdict.take("list buckets", answer, issued);
        return Ok(verdict);
    };
    let objects = Question::Objects { bucket, prefix };
    let answer = store::ask(objects, issued, &client, desk.world).await;
    verdict.take(&format!("list {bucket}/{prefix}"), answer, issued);
    if writes {
        let mut random = [0; 8];
        desk.world.fill_random(&mut random).map_err(|error| {
            Failure::new(Kind::Failed, "no name for an object can be made").caused_by(&error)
        })?;
        let name = u64::from_le_bytes(random);
        let key = format!("{prefix}.kubectl-datalab-probe-{name:016x}");
        let put = Question::Put { bucket, key: &key };
        let answer = store::ask(put, issued, &client, desk.world).await;
        let written = answer.is_ok();
        verdict.take(&format!("write {bucket}/{key}"), answer, issued);
        if written {
            let delete = Question::Delete { bucket, key: &key };
            let answer = store::ask(delete, issued, &client, desk.world).await;
            verdict.take("delete it again", answer, issued);
        }
    }
    Ok(verdict)
}

impl Verdict {
    fn passed(&mut self, name: &str, detail: String) {
        self.checks.push(Check {
            name: name.to_owned(),
            passed: true,
            detail,
        });
    }

    fn take(
        &mut self,
        name: &str,
        answer: Result<(), store::Unanswered>,
        issued: &crate::issued::Issued,
    ) {
        match answer {
            Ok(()) => self.passed(name, "allowed".to_owned()),
            Err(error) => {
                let failure = cause::of_store(&error, issued);
                self.kind.get_or_insert(failure.kind());
                self.checks.push(Check {
                    name: name.to_owned(),
                    passed: false,
                    detail: failure.problem().to_owned(),
                });
            }
        }
    }

    /// The first refusal, for the exit code.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.kind
    }
}

impl Outcome for Verdict {
    const KIND: &'static str = "S3Verification";

    fn text(&self, _wide: bool) -> String {
        table(
            ["CHECK", "RESULT", "DETAIL"],
            self.checks.iter().map(|check| {
                [
                    check.name.clone(),
                    if check.passed { "ok" } else { "failed" }.to_owned(),
                    check.detail.clone(),
                ]
            }),
        )
    }

    fn names(&self) -> Vec<String> {
        let checks = self.checks.iter();
        checks
            .map(|check| format!("check/{}", check.name))
            .collect()
    }
}
