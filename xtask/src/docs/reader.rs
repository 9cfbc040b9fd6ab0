//! Turns definitions into what they look like in JSON, as serde writes them.
//!
//! A type it has no words for is an error that names it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, bail};
use syn::ext::IdentExt;
use syn::{Field, Fields, GenericArgument, ItemEnum, Path, PathArguments, Type};

use super::attributes::{Serde, derives_serialize, doc};
use super::case::Case;
use super::flatten::flatten;
use super::model::{Choice, Entry, Form, Holds, Key, Named, Presence, Shape, Types, Variant};
use super::source::{Defined, Definition, Sources};

/// Reads types, and keeps each that has a name.
pub(super) struct Reader<'a> {
    sources: &'a Sources,
    pub(super) types: Types,
    /// Types that are being read, which may hold themselves.
    open: BTreeSet<String>,
}

/// What a struct or a variant says of all its fields.
#[derive(Clone, Copy)]
struct Within<'a> {
    file: &'a str,
    rule: Option<Case>,
    default: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { sources, types: Types::new(), open: BTreeSet::new() }
    }

    /// What `path` is, as written in `file`.
    ///
    /// # Errors
    /// When it, or something in it, is not understood.
    pub(super) fn path(&mut self, path: &Path, file: &str) -> Result<Shape> {
        let last = path.segments.last().context("a path has segments")?;
        let (name, arguments) = (last.ident.to_string(), arguments(&last.arguments));
        if let Some(definition) = self.sources.find(path, file)? {
            if !arguments.is_empty() {
                bail!("`{name}` is generic, and the page has no words for that");
            }
            return self.named(definition);
        }
        let inner = arguments.iter().map(|argument| self.shape(argument, file)).collect::<Result<Vec<Shape>>>()?;
        known(&name, inner).ok_or_else(|| {
            anyhow!("the type `{name}` is not known: define it in the core with serde's derives, or give it words in xtask/src/docs/reader.rs")
        })
    }

    fn shape(&mut self, ty: &Type, file: &str) -> Result<Shape> {
        let list = |of: Shape| Shape::List { of: Box::new(of), sorted: false };
        match ty {
            Type::Path(path) if path.qself.is_none() => self.path(&path.path, file),
            Type::Reference(reference) => self.shape(&reference.elem, file),
            Type::Paren(inner) => self.shape(&inner.elem, file),
            Type::Group(inner) => self.shape(&inner.elem, file),
            Type::Slice(slice) => self.shape(&slice.elem, file).map(list),
            Type::Array(array) => self.shape(&array.elem, file).map(list),
            Type::Tuple(tuple) if tuple.elems.is_empty() => Ok(Shape::Null),
            Type::Tuple(tuple) => {
                Ok(Shape::Tuple(tuple.elems.iter().map(|elem| self.shape(elem, file)).collect::<Result<_>>()?))
            }
            _ => bail!("its type is neither a name nor a list, and the page has no words for that"),
        }
    }

    fn named(&mut self, definition: &Definition) -> Result<Shape> {
        let Definition { name, file, item } = definition;
        if let Defined::Alias(ty) = item {
            return self.shape(ty, file).with_context(|| format!("{name} in {file}"));
        }
        if let Some(known) = self.types.get(name)
            && known.file != *file
        {
            bail!("there is a `{name}` in {} and one in {file}: the page would have two of that name", known.file);
        }
        if !self.types.contains_key(name) && self.open.insert(name.clone()) {
            let (doc, form) = self.form(definition).with_context(|| format!("{name} in {file}"))?;
            self.open.remove(name);
            self.types.insert(name.clone(), Named { file: file.clone(), doc, form });
        }
        Ok(Shape::Named(name.clone()))
    }

    fn form(&mut self, definition: &Definition) -> Result<(String, Form)> {
        let (attributes, file) = match &definition.item {
            Defined::Struct(item) => (&item.attrs, &definition.file),
            Defined::Enum(item) => (&item.attrs, &definition.file),
            Defined::Written { words, doc } => return Ok((doc.clone(), Form::Value(Shape::Text(words)))),
            Defined::Alias(_) => bail!("an alias has no form of its own"),
        };
        if !derives_serialize(attributes) {
            bail!("it does not derive Serialize, so its source does not say how it is written");
        }
        let serde = Serde::read(attributes)?;
        let doc = doc(attributes, &definition.name)?;
        if let Some(into) = &serde.into {
            return Ok((doc, Form::Value(self.shape(&syn::parse_str(into)?, file)?)));
        }
        let form = match &definition.item {
            Defined::Enum(item) => Form::Choice(self.choice(item, &serde, file)?),
            Defined::Struct(item) if serde.tag.is_some() => {
                bail!("`tag` on the struct {} is not understood", item.ident)
            }
            Defined::Struct(item) => self.structure(&item.fields, &serde, file)?,
            Defined::Alias(_) | Defined::Written { .. } => bail!("it is neither a struct nor an enum"),
        };
        Ok((doc, form))
    }

    fn structure(&mut self, fields: &Fields, serde: &Serde, file: &str) -> Result<Form> {
        match fields {
            Fields::Named(_) if !serde.transparent => {
                let within = Within { file, rule: serde.rename_all, default: serde.default };
                Ok(Form::Object(self.entries(fields, within)?))
            }
            Fields::Named(_) | Fields::Unnamed(_) | Fields::Unit => Ok(Form::Value(self.unnamed(fields, file)?)),
        }
    }

    /// Fields that are written without their names: one as itself, none as null, several as a list.
    fn unnamed(&mut self, fields: &Fields, file: &str) -> Result<Shape> {
        let mut shapes = Vec::new();
        for field in fields {
            let serde = Serde::read(&field.attrs)?;
            match serde.skip {
                true => {}
                false if serde == Serde::default() => shapes.push(self.shape(&field.ty, file)?),
                false => bail!("the serde attributes of a field without a name are not understood"),
            }
        }
        Ok(if shapes.len() > 1 { Shape::Tuple(shapes) } else { shapes.pop().unwrap_or(Shape::Null) })
    }

    /// Named fields, in the order of their keys, which is that of a payload.
    fn entries(&mut self, fields: &Fields, within: Within<'_>) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for field in fields {
            let name = field.ident.as_ref().map(|ident| ident.unraw().to_string()).unwrap_or_default();
            entries.extend(self.field(field, &name, within).with_context(|| format!("the field {name}"))?);
        }
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(entries)
    }

    /// The key of a field, or those that it adds when it is flattened.
    fn field(&mut self, field: &Field, name: &str, within: Within<'_>) -> Result<Vec<Entry>> {
        let mut serde = Serde::read(&field.attrs)?;
        if serde.skip {
            return Ok(Vec::new());
        }
        let shape = self.shape(&field.ty, within.file)?;
        if serde.flatten {
            return flatten(&self.types, shape, || doc(&field.attrs, name));
        }
        serde.default |= within.default;
        let spelt = within.rule.map_or_else(|| name.to_owned(), |rule| rule.field(name));
        let (shape, presence) = presence(shape, &serde)?;
        let key = Key::Is(serde.rename.unwrap_or(spelt));
        Ok(vec![Entry { key, shape, presence, doc: doc(&field.attrs, name)? }])
    }

    fn choice(&mut self, item: &ItemEnum, serde: &Serde, file: &str) -> Result<Choice> {
        let mut variants = Vec::new();
        for variant in &item.variants {
            let name = variant.ident.unraw().to_string();
            let within = || format!("the variant {name}");
            let own = Serde::read(&variant.attrs).with_context(within)?;
            if own.skip {
                continue;
            }
            let spelt = serde.rename_all.map_or_else(|| name.clone(), |rule| rule.variant(&name));
            let holds = match &variant.fields {
                Fields::Unit => Holds::Nothing,
                Fields::Unnamed(_) => Holds::One(self.unnamed(&variant.fields, file).with_context(within)?),
                Fields::Named(_) => {
                    let rule = own.rename_all.or(serde.rename_all_fields);
                    let keys = self.entries(&variant.fields, Within { file, rule, default: false });
                    Holds::Keys(keys.with_context(within)?)
                }
            };
            let doc = doc(&variant.attrs, &name)?;
            variants.push(Variant { word: own.rename.unwrap_or(spelt), doc, holds });
        }
        Ok(Choice { tag: serde.tag.clone(), variants })
    }
}

/// Whether a field is there. Where null is left out, the value is never null.
fn presence(shape: Shape, serde: &Serde) -> Result<(Shape, Presence)> {
    let leaves_null_out = serde.skip_if.as_deref().is_some_and(|function| function.ends_with("is_none"));
    match (shape, serde.skip_if.is_some()) {
        (Shape::OrNull(inner), true) if leaves_null_out => Ok((*inner, Presence::Optional)),
        (shape @ Shape::OrNull(_), true) => Ok((shape, Presence::Optional)),
        (shape @ Shape::OrNull(_), false) => Ok((shape, Presence::Defaulted)),
        (shape, true) if serde.default => Ok((shape, Presence::Optional)),
        (_, true) => {
            bail!("it is left out where `skip_serializing_if` says so, and cannot be read then: it has no `default`")
        }
        (shape, false) if serde.default => Ok((shape, Presence::Defaulted)),
        (shape, false) => Ok((shape, Presence::Required)),
    }
}

/// The types of others that have words here.
fn known(name: &str, inner: Vec<Shape>) -> Option<Shape> {
    let boxed = |shape: &Shape| Box::new(shape.clone());
    Some(match (name, inner.as_slice()) {
        ("Option", [of]) => Shape::OrNull(boxed(of)),
        ("Box" | "Arc" | "Rc" | "Cow", [of]) => of.clone(),
        ("Vec" | "VecDeque", [of]) => Shape::List { of: boxed(of), sorted: false },
        ("BTreeSet", [of]) => Shape::List { of: boxed(of), sorted: true },
        ("BTreeMap", [key, value]) => Shape::Map { key: boxed(key), value: boxed(value) },
        ("String" | "str", []) => Shape::Text("text"),
        ("bool", []) => Shape::Boolean,
        ("u8" | "u16" | "u32" | "u64" | "usize", []) => Shape::Integer { signed: false },
        ("i8" | "i16" | "i32" | "i64" | "isize", []) => Shape::Integer { signed: true },
        ("Value", []) => Shape::Any,
        _ => return None,
    })
}

/// The types among the arguments of a path.
fn arguments(arguments: &PathArguments) -> Vec<Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    });
    types.collect()
}
