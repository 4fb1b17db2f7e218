//! What the use cases return, and how a person reads it. The serialized forms are stable.

mod granted;
mod listed;
mod public_reach;
mod revoked;

pub(crate) use granted::Granted;
pub(crate) use listed::{ListedShare, Live, Shares, State, Unasked};
pub(crate) use revoked::{LoginFate, Revoked, RevokedShare};

/// Objects in the fewest words: the kinds of those that share a name stand before it once.
fn by_name(objects: &[(&str, &str)]) -> Vec<String> {
    let mut names: Vec<&str> = objects.iter().map(|(_, name)| *name).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|wanted| {
            let kinds: Vec<&str> = objects
                .iter()
                .filter(|(_, name)| *name == wanted)
                .map(|(kind, _)| *kind)
                .collect();
            format!("{} {wanted}", kinds.join(", "))
        })
        .collect()
}
