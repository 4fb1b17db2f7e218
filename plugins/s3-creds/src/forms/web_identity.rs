use datalab_core::report::{Failure, Kind};

use super::{Naming, aws_profile, section};
use crate::issued::{Issued, Server};

/// MinIO takes the policies from the token where it does not know the role (minio#21512), and SDKs
/// want one of at least 20 characters.
const ANY_ROLE: &str = "arn:minio:iam:::role/of-the-token";

/// A profile whose SDK exchanges the token in a file by itself, as often as it wants; somebody else
/// keeps the file fresh.
///
/// <https://docs.aws.amazon.com/sdkref/latest/guide/access-assume-role-web.html>
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let lacks = |what: &str| Failure::new(Kind::Usage, format!("web-identity needs {what}"));
    let origin = issued
        .origin
        .as_ref()
        .ok_or_else(|| lacks("an exchange, and these keys were there without one"))?;
    let token_file = naming
        .token_file()?
        .ok_or_else(|| lacks("the token in a file").next("the same command with --token FILE"))?;
    let role = match (&origin.role_arn, issued.server) {
        (Some(role), _) => role,
        (None, Server::Minio) => ANY_ROLE,
        (None, _) => return Err(lacks("a role").next("the same command with --role-arn ARN")),
    };
    let mut profile = aws_profile::profile(naming)?;
    profile.put("role_arn", role)?;
    profile.put("role_session_name", &origin.session_name)?;
    profile.put("web_identity_token_file", token_file)?;
    let services = aws_profile::store(&mut profile, issued, naming, Some(&origin.sts_url))?;
    Ok(section::text(&[profile, services]))
}
