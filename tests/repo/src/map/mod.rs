//! The tables of `core/README.md`, as questions to them.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::{Breach, Place};
use table::{code, list, table};

/// The page that holds the tables.
pub(crate) const PAGE: &str = "core/README.md";

const ROOMS: [&str; 4] = ["floor", "room", "what it holds", "may use"];
const NAMES: [&str; 3] = ["name", "only in", "elsewhere"];

/// Who may use whom, as `core/README.md` has it.
#[derive(Clone, Debug)]
pub struct Map {
    rooms: BTreeMap<String, Room>,
    names: Vec<Name>,
}

#[derive(Clone, Debug)]
struct Room {
    floor: u8,
    line: usize,
    may_use: BTreeSet<String>,
}

/// A crate, or a part of one, that not everybody may name.
#[derive(Clone, Debug)]
struct Name {
    path: Vec<String>,
    only_in: BTreeSet<String>,
    elsewhere: String,
}

/// The floor below which no room is optional.
const HIGHEST_GROUND_FLOOR: u8 = 1;

/// The row for all plugins.
const PLUGINS: &str = "plugins";

/// What a row says when everybody may.
const EVERYBODY: &str = "everywhere";

/// The map cannot be read.
#[derive(Debug, Error)]
pub enum MapError {
    /// A table is missing, by its headings.
    #[error("{PAGE} has no table with the columns {0}")]
    NoTable(String),
    /// A row that means nothing.
    #[error("{PAGE}:{line}: {problem}")]
    Row {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

impl Map {
    /// Reads the two tables of the page.
    ///
    /// # Errors
    /// A table that is not there, or a row that cannot be understood.
    pub fn parse(page: &str) -> Result<Self, MapError> {
        let rows = table(page, &ROOMS)?;
        let mut floors: BTreeMap<String, u8> = BTreeMap::new();
        for (line, cells) in &rows {
            let row = |problem: &str| MapError::Row {
                line: *line,
                problem: problem.to_owned(),
            };
            let floor = cells[0]
                .parse()
                .map_err(|_| row("the floor is no number"))?;
            let room = code(&cells[1]).ok_or_else(|| row("the room is not written as code"))?;
            if floors.insert(room, floor).is_some() {
                return Err(row("the room has two rows"));
            }
        }
        let mut rooms = BTreeMap::new();
        for (line, cells) in rows {
            let name = code(&cells[1]).unwrap_or_default();
            let floor = floors[&name];
            let may_use = used(&cells[3], floor, &floors)
                .map_err(|problem| MapError::Row { line, problem })?;
            rooms.insert(
                name,
                Room {
                    floor,
                    line,
                    may_use,
                },
            );
        }
        let mut names = Vec::new();
        for (line, cells) in table(page, &NAMES)? {
            let row = |problem: &str| MapError::Row {
                line,
                problem: problem.to_owned(),
            };
            let only_in: BTreeSet<String> = list(&cells[1]).collect();
            let known = |place: &String| {
                [EVERYBODY, "main.rs", "warm", "tests"].contains(&place.as_str())
                    || rooms.contains_key(place)
            };
            if let Some(unknown) = only_in.iter().find(|place| !known(place)) {
                return Err(row(&format!("{unknown} is no room")));
            }
            for path in cells[0].split(", ") {
                let path = code(path).ok_or_else(|| row("a name is not written as code"))?;
                names.push(Name {
                    path: path
                        .trim_end_matches('!')
                        .split("::")
                        .map(str::to_owned)
                        .collect(),
                    only_in: only_in.clone(),
                    elsewhere: cells[2].clone(),
                });
            }
        }
        Ok(Self { rooms, names })
    }

    /// What is wrong with the table itself: an arrow that does not lead down, or two rooms that use
    /// each other.
    pub fn contradictions(&self) -> Vec<Breach> {
        let mut breaches = Vec::new();
        for (name, room) in &self.rooms {
            for used in &room.may_use {
                let other = &self.rooms[used];
                if other.floor > room.floor
                    || (other.floor == room.floor && other.may_use.contains(name))
                {
                    breaches.push(Breach::at(
                        PAGE,
                        room.line,
                        format!("the table lets {name} use {used}, which does not stand below it"),
                        "take the arrow out, or move a room to another floor",
                    ));
                }
            }
        }
        breaches
    }

    /// The rooms of core, without the row for plugins.
    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.rooms
            .keys()
            .map(String::as_str)
            .filter(|room| *room != PLUGINS)
    }

    /// The rooms that are a cargo feature each: those above the ground floors, which every tool has.
    pub(crate) fn features(&self) -> impl Iterator<Item = &str> {
        self.rooms()
            .filter(|room| self.rooms[*room].floor > HIGHEST_GROUND_FLOOR)
    }

    /// Whether the arrow from one place to a room is in the table.
    pub(crate) fn allows(&self, from: &Place, to: &str) -> bool {
        match from {
            Place::Entrance => true,
            Place::Room(room) if room == to => true,
            place => self
                .rooms
                .get(row_of(place))
                .is_some_and(|room| room.may_use.contains(to)),
        }
    }

    /// The rooms that a place may use, for a remedy.
    pub(crate) fn may_use(&self, from: &Place) -> String {
        let rooms = self.rooms.get(row_of(from)).map(|room| &room.may_use);
        match rooms {
            Some(rooms) if !rooms.is_empty() => rooms
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            _ => "no other room".to_owned(),
        }
    }

    /// What to do instead, when this place may not name this path. The longest row that matches
    /// decides; a glob is judged by everything below it.
    pub(crate) fn instead(&self, place: &Place, path: &[String], in_test: bool) -> Option<&str> {
        let (stem, glob) = match path {
            [stem @ .., last] if last == "*" => (stem, true),
            _ => (path, false),
        };
        let refuses = |name: &&Name| {
            let only_in = |place: &str| name.only_in.contains(place);
            let part = match place {
                Place::Plugin { part, .. } => part.name(),
                _ => None,
            };
            let allowed = only_in(EVERYBODY)
                || only_in(row_of(place))
                || part.is_some_and(only_in)
                || (in_test && only_in("tests"));
            !allowed
        };
        let longest = self
            .names
            .iter()
            .filter(|name| stem.starts_with(&name.path))
            .max_by_key(|name| name.path.len());
        let below = || {
            let mut names = self.names.iter();
            names.find(|name| glob && name.path.starts_with(stem) && refuses(name))
        };
        longest
            .filter(refuses)
            .or_else(below)
            .map(|name| name.elsewhere.as_str())
    }
}

fn row_of(place: &Place) -> &str {
    match place {
        Place::Entrance => "lib.rs",
        Place::Room(room) => room,
        Place::Plugin { .. } => PLUGINS,
    }
}

/// The rooms that a cell of "may use" stands for.
fn used(cell: &str, floor: u8, floors: &BTreeMap<String, u8>) -> Result<BTreeSet<String>, String> {
    let on = |wanted: u8| {
        floors
            .iter()
            .filter(move |(_, floor)| **floor == wanted)
            .map(|(room, _)| room.clone())
    };
    let mut rooms = BTreeSet::new();
    for word in list(cell) {
        match word.strip_prefix("floor ").unwrap_or(&word).parse::<u8>() {
            Ok(wanted) => rooms.extend(on(wanted)),
            Err(_) if word == "-" => {}
            Err(_) if word == "all below" => {
                rooms.extend((0..floor).flat_map(on));
            }
            Err(_) if floors.contains_key(&word) => {
                rooms.insert(word);
            }
            Err(_) => return Err(format!("{word} is neither a room nor a floor")),
        }
    }
    Ok(rooms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Part;

    const PAGE: &str = "
| floor | room | what it holds | may use |
|---|---|---|---|
| 0 | `words` | x | - |
| 0 | `report` | x | `words` |
| 1 | `world` | x | floor 0 |
| 2 | `cluster` | x | 0, 1 |
| 5 | `plugins` | x | all below |

| name | only in | elsewhere |
|---|---|---|
| `kube` | `cluster` | ask cluster |
| `std::env` | `world`, main.rs | ask world |
| `std::env::split_paths` | everywhere | - |
| `std::fs` | `world`, tests | ask world |
";

    fn room(name: &str) -> Place {
        Place::Room(name.to_owned())
    }

    fn plugin(part: Part) -> Place {
        Place::Plugin {
            tool: "x".to_owned(),
            part,
        }
    }

    #[test]
    fn arrows_are_those_of_the_table() {
        let map = Map::parse(PAGE).unwrap();
        let allowed = |from: &str, to: &str| map.allows(&room(from), to);
        assert!(
            allowed("report", "words")
                && allowed("cluster", "world")
                && allowed("cluster", "words")
        );
        assert!(!allowed("words", "report") && !allowed("world", "cluster"));
        assert!(
            map.allows(&plugin(Part::Rest), "cluster") && !map.allows(&room("elsewhere"), "words")
        );
        assert!(map.contradictions().is_empty());
    }

    #[test]
    fn the_longest_row_decides() {
        let map = Map::parse(PAGE).unwrap();
        let refused = |place: &Place, path: &str, in_test: bool| {
            let path: Vec<String> = path.split("::").map(str::to_owned).collect();
            map.instead(place, &path, in_test).is_some()
        };
        assert!(
            refused(&room("report"), "kube::Client", false)
                && refused(&plugin(Part::Rest), "kube", false)
        );
        assert!(!refused(&room("cluster"), "kube::Client", false));
        assert!(
            refused(&plugin(Part::Rest), "std::env::var", false)
                && refused(&plugin(Part::Warm), "std::env::var", false)
                && !refused(&plugin(Part::Main), "std::env::var", false)
        );
        assert!(!refused(
            &plugin(Part::Rest),
            "std::env::split_paths",
            false
        ));
        assert!(
            refused(&plugin(Part::Rest), "std::*", false)
                && refused(&plugin(Part::Rest), "std::env::*", false)
        );
        assert!(
            !refused(&plugin(Part::Rest), "std::io::*", false)
                && !refused(&plugin(Part::Rest), "std", false)
        );
        assert!(
            refused(&plugin(Part::Rest), "std::fs::read", false)
                && !refused(&plugin(Part::Rest), "std::fs::read", true)
        );
    }

    #[test]
    fn a_table_that_contradicts_itself_is_told() {
        let up = PAGE.replace("| `world` | x | floor 0 |", "| `world` | x | `cluster` |");
        assert!(
            Map::parse(&up).unwrap().contradictions()[0]
                .problem
                .contains("world use cluster")
        );
        let round = PAGE.replace("| `words` | x | - |", "| `words` | x | `report` |");
        assert_eq!(Map::parse(&round).unwrap().contradictions().len(), 2);
    }

    #[test]
    fn rows_that_mean_nothing_are_errors() {
        for (from, to) in [
            ("| 0, 1 |", "| 0, garden |"),
            (
                "| 1 | `world` | x | floor 0 |",
                "| one | `world` | x | floor 0 |",
            ),
            ("| 1 | `world` | x | floor 0 |", "| 1 | `world` | floor 0 |"),
            ("| 1 | `world` |", "| 1 | `words` |"),
            ("| `kube` | `cluster` |", "| `kube` | `garden` |"),
            ("| name |", "| nom |"),
            ("| floor |", "| étage |"),
        ] {
            assert!(PAGE.contains(from), "{from}");
            assert!(Map::parse(&PAGE.replace(from, to)).is_err(), "{to}");
        }
    }
}
