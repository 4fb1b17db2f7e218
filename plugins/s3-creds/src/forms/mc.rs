use datalab_core::report::{Failure, Kind};

use super::{Naming, env::exports, naming::unfit};
use crate::issued::Issued;

/// mc takes the keys out of the URL as they stand, by its colons and the last `@`, and decodes
/// nothing: what would be cut in the wrong place is refused.
///
/// <https://docs.min.io/enterprise/aistor-object-store/reference/cli/#environment-variables>
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let alias = checked_alias(&naming.profile)?;
    let credentials = &issued.credentials;
    let secret = credentials.secret_access_key.expose();
    let mut keys = vec![&credentials.access_key_id, secret];
    keys.extend(
        credentials
            .session_token
            .as_ref()
            .map(|token| token.expose()),
    );
    let is_cut = |key: &&String| key.contains([':', '@']);
    if keys.iter().any(is_cut) {
        return Err(Failure::new(
            Kind::Usage,
            "mc cannot read these keys from its environment",
        )
        .detail("one of them has a : or an @ in it, at which mc would cut it")
        .next("the same command as: configure mc"));
    }
    let keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
    let (scheme, _) = issued.store.url.split_once("://").unwrap_or(("https", ""));
    let url = format!("{scheme}://{}@{}", keys.join(":"), issued.store.authority());
    Ok(exports(&[(format!("MC_HOST_{alias}"), url)]))
}

/// An alias that mc and a shell's variable both can have.
fn checked_alias(name: &str) -> Result<&str, Failure> {
    alias(name, "_", "letters, digits and _, a letter first")
}

/// An alias that mc can have in its own file.
///
/// # Errors
/// [`Kind::Usage`]: it cannot.
pub(crate) fn alias_in_file(name: &str) -> Result<&str, Failure> {
    alias(name, "_-", "letters, digits, _ and -, a letter first")
}

fn alias<'a>(name: &'a str, others: &str, allowed: &str) -> Result<&'a str, Failure> {
    let is_fit = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|other| other.is_ascii_alphanumeric() || others.contains(other));
    match is_fit {
        true => Ok(name),
        false => Err(unfit(name, "an alias of mc", allowed)),
    }
}
