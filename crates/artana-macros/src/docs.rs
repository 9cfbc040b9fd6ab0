//! Doc comments, as the description of a tool and as documentation of what is generated.

use std::mem;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Writes the text of the doc comments as an expression, without the blanks that all lines begin with.
pub(crate) fn description(attributes: &[Attribute]) -> TokenStream {
    let docs: Vec<&Expr> = attributes.iter().filter_map(doc).collect();
    let lines = docs.iter().filter_map(|doc| literal(doc)).flat_map(|text| lines(&text));
    let shared = lines.filter(|line| !line.trim().is_empty()).map(|line| blanks(&line)).min().unwrap_or(0);
    let (mut pieces, mut text) = (Vec::new(), String::new());
    for (at, value) in docs.into_iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        match literal(value) {
            Some(written) => text.push_str(&unindented(&written, shared)),
            None => {
                // Such as `include_str!`, whose text only the compiler knows.
                let before = mem::take(&mut text);
                pieces.extend([quote!(#before), quote!(#value)]);
            }
        }
    }
    if pieces.is_empty() {
        let text = text.trim_matches('\n');
        return quote!(#text);
    }
    quote!(::core::concat!(#(#pieces,)* #text))
}

fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(|line| line.trim_end().to_owned()).collect()
}

fn blanks(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn unindented(text: &str, shared: usize) -> String {
    let lines: Vec<String> = lines(text).iter().map(|line| line.get(shared..).unwrap_or("").to_owned()).collect();
    lines.join("\n")
}

fn literal(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

fn doc(attribute: &Attribute) -> Option<&Expr> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => Some(&pair.value),
        _ => None,
    }
}

/// The attributes that say what an item is, and whether it is there.
pub(crate) fn on_the_item(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("doc") || is_cfg(attribute))
}

/// The attributes that say whether an item is there.
pub(crate) fn conditions(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| is_cfg(attribute))
}

fn is_cfg(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

#[cfg(test)]
mod tests {
    use syn::{ItemFn, parse_quote};

    use super::*;

    fn check(function: ItemFn, expected: TokenStream) {
        assert_eq!(description(&function.attrs).to_string(), expected.to_string());
    }

    #[test]
    fn lines_lose_the_blanks_they_share() {
        check(
            parse_quote! {
                /// First.
                ///
                ///   - Second.
                #[inline]
                fn f() {}
            },
            quote!("First.\n\n  - Second."),
        );
        check(
            parse_quote!(
                #[doc = "No blank."]
                fn f() {}
            ),
            quote!("No blank."),
        );
        check(
            parse_quote!(
                fn f() {}
            ),
            quote!(""),
        );
    }

    #[test]
    fn text_from_elsewhere_is_joined_by_the_compiler() {
        check(
            parse_quote!(
                #[doc = "Before."]
                #[doc = include_str!("x.md")]
                #[doc = "After."]
                fn f() {}
            ),
            quote!(::core::concat!("Before.\n", include_str!("x.md"), "\nAfter.")),
        );
    }
}
