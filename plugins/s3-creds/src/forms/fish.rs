use datalab_core::report::Failure;

use super::{Naming, Variables, literal};
use crate::issued::Issued;

pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let Variables { set, unset } = Variables::of(issued, naming)?;
    let set: String = set
        .iter()
        .map(|(name, value)| format!("set -gx {name} {};\n", literal::fish(value)))
        .collect();
    // Erasing what is not there is a status of its own, which nobody should take for a failure.
    Ok(format!("{set}set -e {}; or true;\n", unset.join(" ")))
}
