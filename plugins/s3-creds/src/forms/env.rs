use datalab_core::report::Failure;

use super::{Naming, Variables, literal};
use crate::issued::Issued;

/// True in fish, whose single quotes know an escape, and in no other shell.
const IS_FISH: &str = r"test '\\' = \\";

/// One text for sh, bash, zsh and fish: nobody knows which of them evaluates it. Each line ends
/// with a semicolon, since an `eval` without quotes joins them, and there is no comment, since an
/// interactive zsh has none.
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let Variables { set, unset } = Variables::of(issued, naming)?;
    let unset = unset.join(" ");
    Ok(format!(
        "{}{IS_FISH} && set -e {unset};\n{IS_FISH} || unset {unset};\n",
        exports(&set)
    ))
}

/// Variables for any shell, a line each.
pub(super) fn exports<N: AsRef<str>>(variables: &[(N, String)]) -> String {
    variables
        .iter()
        .map(|(name, value)| format!("export {}={};\n", name.as_ref(), literal::any_shell(value)))
        .collect()
}
