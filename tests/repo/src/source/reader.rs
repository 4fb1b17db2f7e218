use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, ImplItem, Item, Meta, TraitItem, UseTree,
    spanned::Spanned as _,
    visit::{self, Visit},
};

use super::{Mark, Reference, ReferenceKind, tokens};

/// What stands in a file, before the names that it imports are followed.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) written: Vec<Written>,
    /// The modules that the file declares, by name, with their paths.
    pub(super) children: BTreeMap<String, Vec<String>>,
    pub(super) marks: Vec<(usize, Mark)>,
}

#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) reference: Reference,
    /// What an import calls it.
    pub(super) name: Option<String>,
}

pub(super) fn read(
    file: &syn::File,
    crate_name: String,
    modules: Vec<String>,
    in_test: bool,
) -> Reading {
    let mut module = vec![crate_name];
    module.extend(modules);
    let mut reader = Reader {
        reading: Reading {
            written: Vec::new(),
            children: BTreeMap::new(),
            marks: Vec::new(),
        },
        module,
        in_test,
    };
    for item in &file.items {
        match item {
            Item::Mod(module) if module.content.is_none() => {}
            item => reader.mark(item.span(), Mark::Item),
        }
    }
    reader.visit_file(file);
    reader.reading
}

struct Reader {
    reading: Reading,
    /// The module whose text is being read, from its crate's name on.
    module: Vec<String>,
    in_test: bool,
}

impl Reader {
    fn note(
        &mut self,
        line: usize,
        segments: Vec<String>,
        kind: ReferenceKind,
        name: Option<String>,
    ) {
        if segments == ["self"] {
            return;
        }
        let reference = Reference {
            line,
            path: self.absolute(segments),
            kind,
            in_test: self.in_test,
        };
        self.reading.written.push(Written { reference, name });
    }

    fn mark(&mut self, span: Span, mark: Mark) {
        self.reading.marks.push((line(span), mark));
    }

    /// Follows `crate`, `self` and `super`.
    fn absolute(&self, segments: Vec<String>) -> Vec<String> {
        let keywords = segments
            .iter()
            .take_while(|segment| matches!(segment.as_str(), "crate" | "self" | "super"))
            .count();
        let mut path = match keywords {
            0 => return segments,
            _ => self.module.clone(),
        };
        for keyword in &segments[..keywords] {
            match keyword.as_str() {
                "crate" => path.truncate(1),
                "super" if path.len() > 1 => path.truncate(path.len() - 1),
                _ => {}
            }
        }
        path.extend_from_slice(&segments[keywords..]);
        path
    }

    fn tokens(&mut self, tokens: TokenStream, literals: bool) {
        for found in tokens::paths(tokens, literals) {
            let kind = match found.calls {
                true => ReferenceKind::Macro,
                false => ReferenceKind::Inline,
            };
            self.note(found.line, found.segments, kind, None);
        }
    }

    fn import(&mut self, tree: &UseTree, stem: &[String]) {
        let with = |name: &syn::Ident| [stem, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, stem)),
            UseTree::Glob(glob) => {
                let path = [stem, &["*".to_owned()]].concat();
                self.note(
                    line(glob.star_token.spans[0]),
                    path,
                    ReferenceKind::Import,
                    None,
                );
            }
            UseTree::Name(name) if name.ident == "self" => {
                let last = stem.last().cloned();
                self.note(
                    line(name.ident.span()),
                    stem.to_vec(),
                    ReferenceKind::Import,
                    last,
                );
            }
            UseTree::Name(name) => {
                let last = Some(name.ident.to_string());
                self.note(
                    line(name.ident.span()),
                    with(&name.ident),
                    ReferenceKind::Import,
                    last,
                );
            }
            UseTree::Rename(rename) => {
                let path = match rename.ident == "self" && !stem.is_empty() {
                    true => stem.to_vec(),
                    false => with(&rename.ident),
                };
                let name = Some(rename.rename.to_string());
                self.note(line(rename.ident.span()), path, ReferenceKind::Import, name);
            }
        }
    }

    fn under(&mut self, attributes: &[Attribute], read: impl FnOnce(&mut Self)) {
        let outside = self.in_test;
        self.in_test |= attributes.iter().any(is_for_tests);
        read(self);
        self.in_test = outside;
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        self.under(attributes(item), |reader| visit::visit_item(reader, item));
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => item.attrs.as_slice(),
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        self.under(attributes, |reader| visit::visit_impl_item(reader, item));
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes = match item {
            TraitItem::Fn(item) => item.attrs.as_slice(),
            _ => &[],
        };
        self.under(attributes, |reader| visit::visit_trait_item(reader, item));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        item.attrs
            .iter()
            .for_each(|attribute| self.visit_attribute(attribute));
        self.visit_visibility(&item.vis);
        self.import(&item.tree, &[]);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
        let path = match item.ident == "self" {
            true => vec!["crate".to_owned()],
            false => vec![item.ident.to_string()],
        };
        self.note(
            line(item.ident.span()),
            path,
            ReferenceKind::Import,
            Some(name.to_string()),
        );
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        let path = [self.module.as_slice(), std::slice::from_ref(&name)].concat();
        self.reading.children.insert(name.clone(), path);
        self.module.push(name);
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            let segments = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string());
            self.note(
                line(first.ident.span()),
                segments.collect(),
                ReferenceKind::Inline,
                None,
            );
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let segments: Vec<String> = call
            .path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if let Some(first) = call.path.segments.first() {
            let span = first.ident.span();
            if segments == ["cfg"] && tokens::contain(call.tokens.clone(), "feature") {
                self.mark(span, Mark::Feature);
            }
            self.note(line(span), segments, ReferenceKind::Macro, None);
        }
        self.tokens(call.tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let path = attribute.path();
        let Some(first) = path.segments.first() else {
            return;
        };
        let span = first.ident.span();
        let tokens = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            _ => TokenStream::new(),
        };
        let configures = path.is_ident("cfg") || path.is_ident("cfg_attr");
        if configures && tokens::contain(tokens.clone(), "feature") {
            self.mark(span, Mark::Feature);
        }
        if path.is_ident("ignore") || (configures && tokens::contain(tokens.clone(), "ignore")) {
            self.mark(span, Mark::Ignore);
        }
        if path.is_ident("path") || (configures && tokens::contain(tokens, "path")) {
            self.mark(span, Mark::ModulePath);
        }
        if path.is_ident("doc") {
            return;
        }
        self.visit_path(path);
        match &attribute.meta {
            Meta::List(list) => self.tokens(list.tokens.clone(), true),
            Meta::NameValue(pair) => self.visit_expr(&pair.value),
            Meta::Path(_) => {}
        }
    }
}

fn line(span: Span) -> usize {
    span.start().line
}

/// `#[cfg(test)]` and `#[test]`, also that of a runtime, as in `#[tokio::test]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let path = attribute.path();
    match &attribute.meta {
        Meta::List(list) if path.is_ident("cfg") => list.tokens.to_string() == "test",
        _ => path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "test"),
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
