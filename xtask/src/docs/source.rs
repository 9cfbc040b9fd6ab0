//! The sources of the core, parsed: where each type is defined, and which struct each event kind is.
//!
//! It finds definitions and interprets none. A name that could mean two types is an error.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, Item, ItemEnum, ItemMacro, ItemStruct, LitStr, Path, Token, Type, UseTree};

use super::attributes::{doc, for_tests};

/// The macro whose lines are `"kind" => Struct`.
const KINDS: &str = "bodies";

/// Macros that define a type which is written as text, and that text in a word.
const WRITTEN: [(&str, &str); 3] = [("text_id", "name"), ("uuid_id", "UUID"), ("hash_type", "hex")];

/// A type's definition.
pub(super) struct Definition {
    pub(super) name: String,
    /// Where it stands: a file, from the folder of the sources, and the modules in it.
    pub(super) file: String,
    pub(super) item: Defined,
}

/// What defines a type.
pub(super) enum Defined {
    Struct(ItemStruct),
    Enum(ItemEnum),
    /// Another name for a type.
    Alias(Type),
    /// One of [`WRITTEN`].
    Written {
        words: &'static str,
        doc: String,
    },
}

/// One event kind.
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) body: Path,
    /// The file that lists it.
    pub(super) file: String,
}

/// All definitions of some files.
#[derive(Default)]
pub(super) struct Sources {
    definitions: BTreeMap<String, Vec<Definition>>,
    /// By file: what a name stands for that was imported under it.
    imports: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    pub(super) kinds: Vec<Kind>,
}

impl Sources {
    /// Parses files, each with its path from the folder of the sources.
    ///
    /// # Errors
    /// When one of them is not Rust.
    pub(super) fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut sources = Self::default();
        for (file, text) in files {
            let parsed = syn::parse_file(text).with_context(|| format!("parsing {file}"))?;
            sources.items(file, parsed.items).with_context(|| file.to_owned())?;
        }
        Ok(sources)
    }

    fn items(&mut self, file: &str, items: Vec<Item>) -> Result<()> {
        for item in items {
            match item {
                Item::Struct(item) => self.define(file, item.ident.to_string(), Defined::Struct(item)),
                Item::Enum(item) => self.define(file, item.ident.to_string(), Defined::Enum(item)),
                Item::Type(item) => self.define(file, item.ident.to_string(), Defined::Alias(*item.ty)),
                Item::Use(item) => {
                    let imports = self.imports.entry(file.to_owned()).or_default();
                    imported(&item.tree, &mut Vec::new(), imports);
                }
                Item::Mod(item) if !for_tests(&item.attrs) => {
                    let within = format!("{file}/{}", item.ident);
                    self.items(&within, item.content.map(|(_, items)| items).unwrap_or_default())?;
                }
                Item::Macro(item) => self.called(file, &item)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn define(&mut self, file: &str, name: String, item: Defined) {
        let definition = Definition { name: name.clone(), file: file.to_owned(), item };
        self.definitions.entry(name).or_default().push(definition);
    }

    fn called(&mut self, file: &str, item: &ItemMacro) -> Result<()> {
        let Some(called) = item.mac.path.segments.last().map(|last| last.ident.to_string()) else { return Ok(()) };
        if called == KINDS {
            let lines = item.mac.parse_body_with(Punctuated::<Line, Token![,]>::parse_terminated)?;
            let kind = |line: Line| Kind { name: line.kind.value(), body: line.body, file: file.to_owned() };
            self.kinds.extend(lines.into_iter().map(kind));
        }
        if let Some((_, words)) = WRITTEN.iter().find(|(name, _)| *name == called) {
            let made: Made = item.mac.parse_body()?;
            let name = made.name.to_string();
            let doc = doc(&made.attributes, &name)?;
            self.define(file, name, Defined::Written { words, doc });
        }
        Ok(())
    }

    /// The definition that `path` means in `file`, if it is one of ours.
    ///
    /// # Errors
    /// When it could be several.
    pub(super) fn find(&self, path: &Path, file: &str) -> Result<Option<&Definition>> {
        let written: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let imported = self.imports.get(file).and_then(|imports| imports.get(written.first()?));
        let full: Vec<String> = match imported {
            Some(whole) => whole.iter().chain(&written[1..]).cloned().collect(),
            None => written.clone(),
        };
        let Some((name, modules)) = full.split_last() else { return Ok(None) };
        let known = self.definitions.get(name).map(Vec::as_slice).unwrap_or_default();
        if full.len() == 1
            && let Some(here) = known.iter().find(|definition| definition.file == file)
        {
            return Ok(Some(here));
        }
        let modules = absolute(modules, file);
        let fits =
            |definition: &&Definition| modules.iter().all(|wanted| self::modules(&definition.file).contains(wanted));
        let found: Vec<&Definition> = known.iter().filter(fits).collect();
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            [one, other, ..] => bail!("`{name}` could be the one in {} or the one in {}", one.file, other.file),
        }
    }
}

/// The modules that a place is in, from the crate's root.
fn modules(file: &str) -> Vec<&str> {
    let parts = file.split('/').map(|part| part.trim_end_matches(".rs"));
    parts.filter(|part| !matches!(*part, "lib" | "mod")).collect()
}

/// The modules of a path that is written in `file`, with `self` and `super` told by their names.
fn absolute<'a>(path: &'a [String], file: &'a str) -> Vec<&'a str> {
    let mut found = match path.first().map(String::as_str) {
        Some("self" | "super") => modules(file),
        _ => Vec::new(),
    };
    for module in path {
        match module.as_str() {
            "crate" | "self" => {}
            "super" => drop(found.pop()),
            module => found.push(module),
        }
    }
    found
}

/// Adds every name a `use` brings in, with the path it stands for.
fn imported(tree: &UseTree, before: &mut Vec<String>, imports: &mut BTreeMap<String, Vec<String>>) {
    let path = |last: &Ident| before.iter().cloned().chain([last.to_string()]).collect();
    match tree {
        UseTree::Path(step) => {
            before.push(step.ident.to_string());
            imported(&step.tree, before, imports);
            before.pop();
        }
        UseTree::Name(name) => drop(imports.insert(name.ident.to_string(), path(&name.ident))),
        UseTree::Rename(name) => drop(imports.insert(name.rename.to_string(), path(&name.ident))),
        UseTree::Group(group) => group.items.iter().for_each(|tree| imported(tree, before, imports)),
        UseTree::Glob(_) => {}
    }
}

/// `"kind" => path::to::Struct`
struct Line {
    kind: LitStr,
    body: Path,
}

impl Parse for Line {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Attribute::parse_outer(input)?;
        let kind = input.parse()?;
        input.parse::<Token![=>]>()?;
        Ok(Self { kind, body: input.parse()? })
    }
}

/// `/// doc` and `Name`, whatever else follows.
struct Made {
    attributes: Vec<Attribute>,
    name: Ident,
}

impl Parse for Made {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let made = Self { attributes: Attribute::parse_outer(input)?, name: input.parse()? };
        input.step(|cursor| {
            let mut rest = *cursor;
            while let Some((_, next)) = rest.token_tree() {
                rest = next;
            }
            Ok(((), rest))
        })?;
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)], path: &str, file: &str) -> Result<Option<String>> {
        let sources = Sources::parse(files.iter().copied())?;
        let definition = sources.find(&syn::parse_str(path)?, file)?;
        Ok(definition.map(|definition| definition.file.clone()))
    }

    const TWO: [(&str, &str); 3] = [
        ("a.rs", "struct Here; struct Twice;"),
        ("event/b.rs", "struct Twice; #[cfg(test)] mod tests { struct Tested; } mod inner { struct Inner; }"),
        ("c.rs", "use crate::{event::b::Twice as Second, a::Twice}; use serde_json::Here;"),
    ];

    #[track_caller]
    fn check(path: &str, file: &str, expect: Option<&str>) {
        assert_eq!(found(&TWO, path, file).expect("one or none"), expect.map(str::to_owned), "{path} in {file}");
    }

    #[test]
    fn a_name_is_the_one_in_its_file_then_the_imported_then_the_only_one() {
        check("Twice", "a.rs", Some("a.rs"));
        check("Twice", "event/b.rs", Some("event/b.rs"));
        check("Twice", "c.rs", Some("a.rs"));
        check("Second", "c.rs", Some("event/b.rs"));
        check("Here", "d.rs", Some("a.rs"));
        check("inner::Inner", "d.rs", Some("event/b.rs/inner"));
        check("crate::event::Twice", "d.rs", Some("event/b.rs"));
        check("super::a::Twice", "d.rs", Some("a.rs"));
        check("super::Twice", "event/e.rs", Some("event/b.rs"));
        check("self::b::Twice", "event/mod.rs", Some("event/b.rs"));
    }

    #[test]
    fn a_name_from_elsewhere_is_none_of_ours() {
        check("Here", "c.rs", None);
        check("Tested", "event/b.rs", None);
        check("String", "a.rs", None);
    }

    #[test]
    fn a_name_that_could_be_two_is_refused() {
        let refused = found(&TWO, "Twice", "d.rs").expect_err("ambiguous").to_string();
        assert_eq!(refused, "`Twice` could be the one in a.rs or the one in event/b.rs");
    }

    #[test]
    fn kinds_and_written_types_are_read_from_their_macros() {
        let text = "text_id!(/** The name of a tool. */ ToolName, \"tool name\");
            macro_rules! bodies { () => {}; }
            bodies! { \"note\" => Note, \"run_forked\" => run::Forked, }";
        let sources = Sources::parse([("event/mod.rs", text)]).expect("Rust");
        let kinds: Vec<&str> = sources.kinds.iter().map(|kind| kind.name.as_str()).collect();
        assert_eq!(kinds, ["note", "run_forked"]);
        let path = syn::parse_str("ToolName").expect("a path");
        let found = sources.find(&path, "x.rs").expect("one").expect("ours");
        let Defined::Written { words, doc } = &found.item else { panic!("it is written as text") };
        assert_eq!((*words, doc.as_str()), ("name", "The name of a tool."));
    }
}
