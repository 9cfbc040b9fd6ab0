//! What the attributes of a type, a variant or a field say: its documentation, and how serde writes it.
//!
//! What serde does only when it reads is passed over. Anything else that is not known here is an error:
//! a page must not describe what it half understands.

use anyhow::{Result, bail};
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Lit, LitStr, Meta, Path, Token, token};

use super::case::Case;

/// The serde attributes of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Serde {
    pub(super) rename: Option<String>,
    pub(super) rename_all: Option<Case>,
    pub(super) rename_all_fields: Option<Case>,
    /// The key that names the variant of an internally tagged enum.
    pub(super) tag: Option<String>,
    /// The type that is written in place of this one.
    pub(super) into: Option<String>,
    pub(super) default: bool,
    /// The function that says when a field is left out.
    pub(super) skip_if: Option<String>,
    pub(super) skip: bool,
    pub(super) flatten: bool,
    pub(super) transparent: bool,
}

/// What changes nothing that is written.
const READING_ONLY: [&str; 8] =
    ["alias", "bound", "crate", "deny_unknown_fields", "deserialize_with", "expecting", "from", "try_from"];

impl Serde {
    /// Reads all `#[serde(…)]` of an item.
    ///
    /// # Errors
    /// When one of them is not understood.
    pub(super) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut read = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("cfg_attr") && conditional(attribute)? {
                bail!("serde attributes under `cfg_attr` are not understood");
            }
            if attribute.path().is_ident("serde") {
                attribute.parse_nested_meta(|meta| read.take(&meta).map_err(|error| meta.error(error)))?;
            }
        }
        Ok(read)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        if meta.input.peek(token::Paren) {
            bail!("the serde attribute `{name}(…)` is not understood");
        }
        let value = if meta.input.peek(Token![=]) { Some(meta.value()?.parse::<LitStr>()?.value()) } else { None };
        match (name.as_str(), value) {
            ("rename", Some(value)) => self.rename = Some(value),
            ("rename_all", Some(rule)) => self.rename_all = Some(Case::parse(&rule)?),
            ("rename_all_fields", Some(rule)) => self.rename_all_fields = Some(Case::parse(&rule)?),
            ("tag", Some(value)) => self.tag = Some(value),
            ("into", Some(value)) => self.into = Some(value),
            ("default", _) => self.default = true,
            ("skip_serializing_if", Some(function)) => self.skip_if = Some(function),
            ("skip", None) => self.skip = true,
            ("flatten", None) => self.flatten = true,
            ("transparent", None) => self.transparent = true,
            (known, _) if READING_ONLY.contains(&known) => {}
            (other, _) => bail!("the serde attribute `{other}` is not understood"),
        }
        Ok(())
    }
}

/// Whether a `cfg_attr` has anything to do with serde.
fn conditional(attribute: &Attribute) -> Result<bool> {
    let parts = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?;
    Ok(parts.iter().any(|part| part.path().is_ident("serde")))
}

/// Whether `#[derive(…)]` makes the item writable.
pub(super) fn derives_serialize(attributes: &[Attribute]) -> bool {
    let derives = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let lists = derives.filter_map(|d| d.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok());
    lists.flatten().any(|path| path.segments.last().is_some_and(|last| last.ident == "Serialize"))
}

/// Whether an item is built for tests alone.
pub(super) fn for_tests(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|a| a.path().is_ident("cfg") && a.parse_args::<Path>().is_ok_and(|path| path.is_ident("test")))
}

/// The first paragraph of a doc comment, as one line of Markdown that needs no rustdoc.
///
/// # Errors
/// When there is none: `what` is named.
pub(super) fn doc(attributes: &[Attribute], what: &str) -> Result<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let paragraph: Vec<String> = lines.skip_while(String::is_empty).take_while(|line| !line.is_empty()).collect();
    let text = paragraph.join(" ");
    if text.is_empty() { bail!("{what} has no doc comment") } else { Ok(without_links(&text)) }
}

/// Links of rustdoc lead nowhere on a page: `[`X`]` becomes `` `X` ``, and `[words](X)` becomes words.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, link) = rest.split_at(at);
        plain += before;
        let Some((words, after)) = link[1..].split_once(']') else { return plain + link };
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        match target {
            Some((url, after)) if url.contains("://") => (plain, rest) = (format!("{plain}[{words}]({url})"), after),
            Some((_, after)) => (plain, rest) = (plain + words, after),
            None if words.starts_with('`') => (plain, rest) = (plain + words, after),
            None => (plain, rest) = (format!("{plain}[{words}]"), after),
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn wrong(attribute: Attribute) -> String {
        Serde::read(&[attribute]).expect_err("not understood").to_string()
    }

    #[test]
    fn every_attribute_that_is_understood() {
        let read = Serde::read(&[
            parse_quote!(#[serde(rename = "as", default, skip_serializing_if = "Option::is_none", flatten)]),
            parse_quote!(#[serde(rename_all = "camelCase", rename_all_fields = "kebab-case", tag = "type", transparent)]),
            parse_quote!(#[serde(skip, into = "String", try_from = "String", deny_unknown_fields, alias = "x")]),
            parse_quote!(#[derive(Debug)]),
        ]);
        let expect = Serde {
            rename: Some("as".into()),
            rename_all: Some(Case::Camel),
            rename_all_fields: Some(Case::Kebab),
            tag: Some("type".into()),
            into: Some("String".into()),
            default: true,
            skip_if: Some("Option::is_none".into()),
            skip: true,
            flatten: true,
            transparent: true,
        };
        assert_eq!(read.expect("understood"), expect);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(wrong(parse_quote!(#[serde(with = "hex")])).contains("`with`"));
        assert!(wrong(parse_quote!(#[serde(default, untagged)])).contains("`untagged`"));
        assert!(wrong(parse_quote!(#[serde(rename(serialize = "a"))])).contains("`rename(…)`"));
        assert!(wrong(parse_quote!(#[serde(rename_all = "Snake")])).contains("`Snake`"));
        assert!(wrong(parse_quote!(#[cfg_attr(feature = "x", serde(skip))])).contains("cfg_attr"));
    }

    #[test]
    fn serialize_is_seen_under_any_path() {
        let item: syn::ItemStruct = parse_quote!(
            #[derive(Debug, serde::Serialize)]
            struct A;
        );
        assert!(derives_serialize(&item.attrs));
        let item: syn::ItemStruct = parse_quote!(
            #[derive(Debug, Deserialize)]
            struct A;
        );
        assert!(!derives_serialize(&item.attrs));
    }

    #[test]
    fn documentation_is_the_first_paragraph_without_links() {
        let item: syn::ItemStruct = parse_quote! {
            /// What [`Body::Other`] holds, [in words](crate::x), as
            /// [RFC 9562](https://example.org/x) says for [a], [0, 1).
            ///
            /// More.
            struct A;
        };
        let expect = "What `Body::Other` holds, in words, as [RFC 9562](https://example.org/x) says for [a], [0, 1).";
        assert_eq!(doc(&item.attrs, "A").expect("documented"), expect);
        assert_eq!(doc(&[], "the field a").expect_err("silent").to_string(), "the field a has no doc comment");
    }
}
