//! The profiles that the platform offers to this user.

use datalab_core::report::{Failure, Outcome, wide_table};
use serde::Serialize;

use crate::{
    bearer::HowToLogIn,
    desk::Desk,
    issue::{self, Candidate},
    source::Source,
};

/// All of them.
#[derive(Debug, Serialize)]
pub(crate) struct ProfileList {
    items: Vec<Profile>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    /// What `--profile` takes; `null` where the platform has no name for it.
    name: Option<String>,
    endpoint: String,
    region: String,
    path_style: bool,
    sts_endpoint: Option<String>,
    role_arn: Option<String>,
    session_name: Option<String>,
    /// In seconds.
    duration_seconds: Option<u64>,
    issuer: Option<String>,
    client_id: Option<String>,
}

/// Lists them.
pub(crate) async fn profiles(
    source: &Source,
    how: HowToLogIn,
    desk: &Desk<'_>,
) -> Result<ProfileList, Failure> {
    let candidates = issue::candidates(source, how, desk).await?;
    Ok(ProfileList {
        items: candidates.into_iter().map(Profile::from).collect(),
    })
}

impl From<Candidate> for Profile {
    fn from(Candidate { place, offer }: Candidate) -> Self {
        Self {
            name: offer.profile,
            endpoint: place.store.url,
            region: place.store.region,
            path_style: place.store.path_style,
            sts_endpoint: place.sts_url,
            role_arn: offer.arn.filter(|arn| !arn.is_empty()),
            session_name: offer.session_name,
            duration_seconds: place.seconds,
            issuer: place.login.as_ref().map(|login| login.issuer.clone()),
            client_id: place.login.map(|login| login.client_id),
        }
    }
}

impl Outcome for ProfileList {
    const KIND: &'static str = "S3ProfileList";

    fn text(&self, wide: bool) -> String {
        if self.items.is_empty() {
            return "the platform has no profile for you".to_owned();
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        wide_table(
            wide,
            ["PROFILE", "STORE", "ROLE"],
            ["STS", "CLIENT", "REGION"],
            self.items.iter().map(|profile| {
                (
                    [
                        text(&profile.name),
                        profile.endpoint.clone(),
                        text(&profile.role_arn),
                    ],
                    [
                        text(&profile.sts_endpoint),
                        text(&profile.client_id),
                        profile.region.clone(),
                    ],
                )
            }),
        )
    }

    fn names(&self) -> Vec<String> {
        let items = self.items.iter();
        items
            .map(|profile| format!("profile/{}", profile.name.as_deref().unwrap_or("-")))
            .collect()
    }
}
