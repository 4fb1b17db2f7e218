//! What a platform tells everybody, remembered for a moment: a script of twenty lines asks it once.

use data_encoding::HEXLOWER;
use datalab_core::{
    http::Client,
    onyxia::{self, Platform},
    report::Failure,
    store::Folder,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::UNTOUCHED;
use crate::desk::Desk;

/// What an administrator has changed is seen after this time at the latest.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    url: String,
    at: Timestamp,
    configuration: serde_json::Value,
}

/// The platform at this address.
pub(super) async fn platform(
    address: &str,
    client: &Client,
    desk: &Desk<'_>,
) -> Result<Platform, Failure> {
    let url = onyxia::configuration_url(address);
    let folder = desk.cache_folder().ok();
    let name = format!("platform-{}", HEXLOWER.encode(&Sha256::digest(&url)[..16]));
    let now = desk.world.now();
    if let Some(folder) = &folder
        && let Some(kept) = read(folder, &name)
        && kept.url == url
        && (SignedDuration::ZERO..FRESH).contains(&now.duration_since(kept.at))
    {
        let text = kept.configuration.to_string();
        if let Ok(platform) = Platform::parse(text.as_bytes(), &url) {
            return Ok(platform);
        }
    }
    let untouched = |error: onyxia::Error| error.failure("--ca-file").state(UNTOUCHED);
    let answer = Platform::ask(client, address).await.map_err(untouched)?;
    let platform = Platform::parse(&answer, &url).map_err(untouched)?;
    if let (Some(folder), Ok(configuration)) = (folder, serde_json::from_slice(&answer)) {
        let kept = Kept {
            url,
            at: now,
            configuration,
        };
        // Without it the platform is asked again, and that is all.
        let _ = folder.write(
            &name,
            serde_json::json!(kept).to_string().as_bytes(),
            desk.world,
        );
    }
    Ok(platform)
}

fn read(folder: &Folder, name: &str) -> Option<Kept> {
    serde_json::from_slice(&folder.read(name).ok()??).ok()
}
