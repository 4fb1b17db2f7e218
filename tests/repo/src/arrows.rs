//! Whether the sources of core and the plugins keep to the map.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Breach, Map, Mark, Place, Reference, ReferenceKind, Source, Tree, map::PAGE,
    place::plugin_crate,
};

const ENTRANCE: &str = "core/src/lib.rs";
const MANIFEST: &str = "core/Cargo.toml";

/// What the check of a tree came to.
#[derive(Debug, Default)]
pub struct Arrows {
    /// Every arrow between two places that the sources draw, as in `cli -> world`: a check that saw
    /// none of those that are there has not looked.
    pub seen: BTreeSet<String>,
    /// What does not keep to the map, in the order of the files.
    pub breaches: Vec<Breach>,
}

/// Checks all sources of core and the plugins, and the manifests of the plugins.
pub fn check(tree: &Tree, map: &Map) -> Arrows {
    let mut arrows = Arrows {
        breaches: map.contradictions(),
        ..Arrows::default()
    };
    let mut rooms = BTreeMap::new();
    for (path, text) in tree.files() {
        let Some((place, _)) = Place::of(path) else {
            continue;
        };
        if let Place::Room(room) = &place {
            rooms.entry(room.clone()).or_insert_with(|| path.to_owned());
        }
        match Source::parse(path, text) {
            Ok(source) => arrows.source(&place, &source, map),
            Err(breach) => arrows.breaches.push(breach),
        }
    }
    for (room, path) in &rooms {
        if !map.rooms().any(|known| known == room) {
            let problem = format!("room {room} has no row in {PAGE}");
            arrows.breaches.push(Breach::at(
                path,
                None,
                problem,
                "say there what it holds and may use",
            ));
        }
    }
    for room in map.rooms().filter(|room| !rooms.contains_key(*room)) {
        let problem = format!("room {room} has a row and no folder in core/src");
        arrows
            .breaches
            .push(Breach::at(PAGE, None, problem, "take the row out"));
    }
    arrows.manifests(tree);
    arrows.features(tree, map);
    arrows.breaches.sort();
    arrows.breaches.dedup();
    arrows
}

impl Arrows {
    fn source(&mut self, place: &Place, source: &Source, map: &Map) {
        for (line, mark) in &source.marks {
            let breach =
                |problem: &str, remedy: &str| Breach::at(&source.path, *line, problem, remedy);
            match mark {
                Mark::Feature if source.path != ENTRANCE => self.breaches.push(breach(
                    "cfg(feature) stands outside core/src/lib.rs",
                    "make the whole room a feature, and declare it there",
                )),
                Mark::ModulePath => self.breaches.push(breach(
                    "a module is taken from another file than its name says",
                    "let the folder be the module",
                )),
                Mark::Item if *place == Place::Entrance => self.breaches.push(breach(
                    "lib.rs holds more than its rooms",
                    "declare `pub mod ROOM;` only, and let a room re-export its own names",
                )),
                _ => {}
            }
        }
        for reference in &source.references {
            if let Some((problem, remedy)) = self.reference(place, reference, map) {
                self.breaches
                    .push(Breach::at(&source.path, reference.line, problem, remedy));
            }
        }
    }

    fn reference(
        &mut self,
        place: &Place,
        reference: &Reference,
        map: &Map,
    ) -> Option<(String, String)> {
        let path = &reference.path;
        let written = path.join("::");
        if path.first().is_some_and(|first| first == "datalab_core") {
            return self.core(place, reference, map, &written);
        }
        let own = place.crate_name();
        if let Some(first) = path.first()
            && first.starts_with(&plugin_crate(""))
            && *first != own
        {
            return Some((
                format!("{place} -> {first}: plugins do not know each other ({written})"),
                "move what both need to a room of core".to_owned(),
            ));
        }
        // A single word in code is a name of the file's own.
        if reference.kind == ReferenceKind::Inline && path.len() == 1 {
            return None;
        }
        // The standard library's macros have two names.
        let path = match path.as_slice() {
            [library, rest @ ..] if reference.kind == ReferenceKind::Macro && library == "std" => {
                rest
            }
            path => path,
        };
        let instead = map.instead(place, path, reference.in_test)?;
        Some((format!("{place} names {written}"), instead.to_owned()))
    }

    fn core(
        &mut self,
        place: &Place,
        reference: &Reference,
        map: &Map,
        written: &str,
    ) -> Option<(String, String)> {
        let room = match reference.path.get(1) {
            Some(room) if room != "*" => room,
            _ if reference.kind == ReferenceKind::Import => {
                return Some((
                    "the root of core is imported, so that rooms could be reached under other names".to_owned(),
                    "import what is needed from its room".to_owned(),
                ));
            }
            _ => return None,
        };
        if !map.rooms().any(|known| known == room) {
            return Some((
                format!("{written} is in no room"),
                "name the room that holds it".to_owned(),
            ));
        }
        if matches!(place, Place::Room(own) if own == room) {
            return None;
        }
        let arrow = format!("{place} -> {room}");
        if map.allows(place, room) {
            self.seen.insert(arrow);
            return None;
        }
        Some((
            format!("{arrow} is not in the table of {PAGE} ({written})"),
            format!(
                "{place} may use {}; move what is needed down to one of them, or hand it in as an argument",
                map.may_use(place)
            ),
        ))
    }

    /// A plugin that depends on another would build without a path that shows it.
    fn manifests(&mut self, tree: &Tree) {
        let tools: BTreeSet<&str> = tree
            .files()
            .filter_map(|(path, _)| path.strip_prefix("plugins/")?.strip_suffix("/Cargo.toml"))
            .collect();
        for (path, text) in tree
            .files()
            .filter(|(path, _)| path.ends_with("/Cargo.toml"))
        {
            for (index, line) in text.lines().enumerate() {
                let depended = tools.iter().find(|tool| {
                    let own = path == format!("plugins/{tool}/Cargo.toml");
                    !own && words(line).any(|word| word == format!("kubectl-datalab-{tool}"))
                });
                if let Some(tool) = depended
                    && ["core/", "plugins/"]
                        .iter()
                        .any(|folder| path.starts_with(folder))
                {
                    self.breaches.push(Breach::at(
                        path,
                        index + 1,
                        format!("the package depends on plugins/{tool}"),
                        "move what both need to a room of core",
                    ));
                }
            }
        }
    }

    /// Each room above the ground floors is a feature of its own name, and none is a default.
    fn features(&mut self, tree: &Tree, map: &Map) {
        let Some(text) = tree.text(MANIFEST) else {
            return;
        };
        let section = text
            .lines()
            .enumerate()
            .skip_while(|(_, line)| *line != "[features]");
        let mut features = BTreeSet::new();
        for (index, line) in section
            .skip(1)
            .take_while(|(_, line)| !line.starts_with('['))
        {
            let Some((name, value)) = line.split_once(" = ") else {
                continue;
            };
            let problem = match name {
                "default" if value == "[]" => continue,
                "default" => "a room of core is a default".to_owned(),
                name if map.features().any(|room| room == name) => {
                    features.insert(name);
                    continue;
                }
                name => format!("feature {name} is no room above floor 1"),
            };
            let remedy = "name each room's feature after it, and let plugins choose";
            self.breaches
                .push(Breach::at(MANIFEST, index + 1, problem, remedy));
        }
        for room in map.features().filter(|room| !features.contains(room)) {
            let problem = format!("room {room} is no feature");
            self.breaches.push(Breach::at(
                MANIFEST,
                None,
                problem,
                "add a feature of its name",
            ));
        }
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split('#').next().unwrap_or_default();
    code.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
}
