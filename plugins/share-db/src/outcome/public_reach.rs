use crate::postgres::DatabaseReach;

/// What a login reaches beyond its share in one database; nothing to say of a shared database that
/// gives nothing away.
pub(super) fn public_reach(reach: &DatabaseReach) -> Option<String> {
    let mut what = Vec::new();
    if !reach.shared {
        what.push("connect".to_owned());
    }
    if reach.temporary {
        what.push("make temporary tables".to_owned());
    }
    if !reach.creates_in.is_empty() {
        what.push(format!("create in schema {}", reach.creates_in.join(", ")));
    }
    if reach.relation_count > 0 {
        what.push(format!(
            "use {}",
            first_of(&reach.relations, reach.relation_count)
        ));
    }
    if reach.definer_function_count > 0 {
        what.push(format!(
            "call functions that run as their owner: {}",
            first_of(&reach.definer_functions, reach.definer_function_count)
        ));
    }
    if what.is_empty() {
        return None;
    }
    Some(format!(
        "  also      reachable because granted to PUBLIC, in database {}: {}",
        reach.database,
        what.join("; ")
    ))
}

/// The names that are known, and how many there are beside them.
fn first_of(names: &[String], count: i64) -> String {
    let more = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_sub(names.len());
    let names = names.join(", ");
    if more > 0 {
        format!("{names} and {more} more")
    } else {
        names
    }
}
