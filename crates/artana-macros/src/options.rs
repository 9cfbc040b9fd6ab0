//! The options of `#[tool(…)]`: reads them, holds them to their bounds and to each other, and writes the
//! declaration they stand for. Knows nothing of the function they belong to.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Expr, ExprArray, ExprLit, ExprPath, Ident, Lit, LitInt, LitStr, Path, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::{
    limits::MAX_ATTEMPTS,
    literals::{bounded, duration, id, size, wait},
    problems::Problems,
};

const KNOWN: &str = "name, effect, retention, capability, risk, timeout, settle, version, schema_version, retries, \
                     backoff, max_result, probe, reconciles, crate";
const EFFECTS: &[(&str, EffectWord)] =
    &[("read", EffectWord::Read), ("idempotent", EffectWord::Idempotent), ("side_effect", EffectWord::SideEffect)];
const RISKS: &[(&str, &str)] = &[("low", "Low"), ("medium", "Medium"), ("high", "High"), ("critical", "Critical")];

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EffectWord {
    Read,
    Idempotent,
    SideEffect,
}

/// What the attribute says; what it leaves out is left to the kernel.
#[derive(Default)]
pub(crate) struct Options {
    /// Where the generated code finds the kernel.
    pub(crate) krate: Option<Path>,
    /// The tool's name, if it is not the function's.
    pub(crate) name: Option<String>,
    effect: Option<At<EffectWord>>,
    /// The function that asks what became of a key.
    pub(crate) probe: Option<Path>,
    retention: Option<At<u64>>,
    capability: Option<String>,
    risk: Option<&'static str>,
    timeout: Option<u64>,
    settle: Option<u64>,
    version: Option<String>,
    schema_version: Option<u32>,
    retries: Option<u32>,
    backoff: Option<At<u64>>,
    max_result: Option<u64>,
    reconciles: Vec<String>,
}

/// A value and how it was written.
struct At<T> {
    value: T,
    written: Expr,
}

impl<T> At<T> {
    fn new(written: &Expr, value: T) -> Self {
        Self { value, written: written.clone() }
    }
}

impl Options {
    /// Reads what stands between the parentheses of the attribute.
    pub(crate) fn parser(input: ParseStream<'_>) -> syn::Result<Self> {
        let given = Punctuated::<Given, Token![,]>::parse_terminated(input)?;
        let (mut options, mut problems, mut seen) = (Self::default(), Problems::default(), Vec::new());
        for Given { key, value } in &given {
            let name = key.unraw().to_string();
            options.set(key, &name, value).unwrap_or_else(|error| problems.add(error));
            if seen.contains(&name) {
                problems.at(key, format!("`{name}` is given twice"));
            }
            seen.push(name);
        }
        problems.or(Ok(()))?;
        options.check()?;
        Ok(options)
    }
}

/// One `key = value`.
struct Given {
    key: Ident,
    value: Expr,
}

impl Parse for Given {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = Ident::parse_any(input)?;
        input.parse::<Token![=]>()?;
        Ok(Self { key, value: input.parse()? })
    }
}

impl Options {
    fn set(&mut self, key: &Ident, name: &str, value: &Expr) -> syn::Result<()> {
        match name {
            "crate" => self.krate = Some(path(value)?),
            "name" => self.name = Some(read(value, |text| id("the name", text))?),
            "effect" => self.effect = Some(At::new(value, read(value, |text| word(EFFECTS, text))?)),
            "retention" => self.retention = Some(At::new(value, read(value, duration)?)),
            "capability" => self.capability = Some(read(value, |text| id("the capability", text))?),
            "risk" => self.risk = Some(read(value, |text| word(RISKS, text))?),
            "timeout" => self.timeout = Some(read(value, duration)?),
            "settle" => self.settle = Some(read(value, wait)?),
            "version" => self.version = Some(read(value, |text| id("the version", text))?),
            "schema_version" => self.schema_version = Some(integer(value)?.base10_parse()?),
            "retries" => self.retries = Some(retries(integer(value)?)?),
            "backoff" => self.backoff = Some(At::new(value, read(value, wait)?)),
            "max_result" => self.max_result = Some(bytes(value)?),
            "probe" => self.probe = Some(path(value)?),
            "reconciles" => self.reconciles = versions(value)?,
            _ => return Err(syn::Error::new_spanned(key, format!("unknown option `{name}`; there are: {KNOWN}"))),
        }
        Ok(())
    }

    /// Returns how an effect was written that another call could repeat.
    pub(crate) fn changes_the_world(&self) -> Option<&Expr> {
        self.effect.as_ref().filter(|effect| effect.value != EffectWord::Read).map(|effect| &effect.written)
    }

    /// Holds the options to each other.
    fn check(&self) -> syn::Result<()> {
        let mut problems = Problems::default();
        match (&self.effect, &self.retention) {
            (Some(At { value: EffectWord::Idempotent, written }), None) => problems.at(
                written,
                "an idempotent tool says how long its provider remembers a key, such as `retention = \"24h\"`",
            ),
            (Some(At { value: EffectWord::Idempotent, .. }), _) | (_, None) => {}
            (_, Some(retention)) => {
                problems.at(&retention.written, "only a tool with `effect = \"idempotent\"` has a retention");
            }
        }
        if let (None, Some(backoff)) = (self.retries, &self.backoff) {
            problems.at(&backoff.written, "a tool without `retries` has no backoff");
        }
        if let (None, Some(probe)) = (self.changes_the_world(), &self.probe) {
            problems.at(probe, "a tool that only reads is called again, never probed");
        }
        problems.or(Ok(()))
    }

    /// Writes the declaration as a chain of calls.
    pub(crate) fn declaration(&self, private: &TokenStream, name: &str, description: &TokenStream) -> TokenStream {
        let duration = |micros: u64| quote!(#private::Duration::from_micros(#micros));
        let retention = self.retention.as_ref().map(|retention| duration(retention.value));
        let effect = match self.effect.as_ref().map(|effect| effect.value) {
            None | Some(EffectWord::Read) => None,
            Some(EffectWord::Idempotent) => Some(quote!(.idempotent(#retention))),
            Some(EffectWord::SideEffect) => Some(quote!(.side_effect())),
        };
        let risk = self.risk.map(|risk| Ident::new(risk, Span::call_site()));
        let rest = [
            self.capability.as_ref().map(|capability| quote!(.capability(#capability))),
            risk.map(|risk| quote!(.risk(#private::Risk::#risk))),
            self.timeout.map(duration).map(|timeout| quote!(.timeout(#timeout))),
            self.settle.map(duration).map(|settle| quote!(.settle(#settle))),
            self.version.as_ref().map(|version| quote!(.version(#version))),
            self.schema_version.map(|version| quote!(.schema_version(#version))),
            self.attempts(private, duration),
            self.max_result.map(literal).map(|bytes| quote!(.max_result(#bytes))),
            self.accepts(),
        ];
        let rest = rest.into_iter().flatten();
        quote!(#private::tool(#name).description(#description) #effect #(#rest)*)
    }

    fn attempts(&self, private: &TokenStream, duration: impl Fn(u64) -> TokenStream) -> Option<TokenStream> {
        let attempts = self.retries? + 1;
        let backoff = self.backoff.as_ref().map(|backoff| duration(backoff.value));
        let backoff = backoff.unwrap_or_else(|| quote!(#private::backoff()));
        Some(quote!(.attempts(#attempts, #backoff)))
    }

    fn accepts(&self) -> Option<TokenStream> {
        let versions = &self.reconciles;
        (!versions.is_empty()).then(|| quote!(.accepts([#(#versions),*])))
    }
}

/// A number without a type of its own.
fn literal(number: u64) -> LitInt {
    LitInt::new(&number.to_string(), Span::call_site())
}

fn read<T>(value: &Expr, parse: impl Fn(&str) -> Result<T, String>) -> syn::Result<T> {
    let literal = string(value)?;
    parse(&literal.value()).map_err(|problem| syn::Error::new_spanned(literal, problem))
}

fn string(value: &Expr) -> syn::Result<&LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) => Ok(literal),
        other => Err(syn::Error::new_spanned(other, "expected a string literal")),
    }
}

fn integer(value: &Expr) -> syn::Result<&LitInt> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) => Ok(literal),
        other => Err(syn::Error::new_spanned(other, "expected a whole number")),
    }
}

fn path(value: &Expr) -> syn::Result<Path> {
    match value {
        Expr::Path(ExprPath { qself: None, path, .. }) => Ok(path.clone()),
        other => Err(syn::Error::new_spanned(other, "expected a path")),
    }
}

fn word<T: Copy>(words: &[(&str, T)], text: &str) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    let known = || words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("expected one of {}", known()))
}

fn retries(literal: &LitInt) -> syn::Result<u32> {
    let most = MAX_ATTEMPTS - 1;
    let retries = literal.base10_parse().ok().filter(|retries| *retries <= most);
    retries.ok_or_else(|| syn::Error::new_spanned(literal, format!("at most {most} retries follow the first attempt")))
}

fn bytes(value: &Expr) -> syn::Result<u64> {
    let Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) = value else { return read(value, size) };
    bounded(literal.base10_parse().ok()).map_err(|problem| syn::Error::new_spanned(literal, problem))
}

fn versions(value: &Expr) -> syn::Result<Vec<String>> {
    let Expr::Array(ExprArray { elems, .. }) = value else {
        return Err(syn::Error::new_spanned(value, "expected a list of versions, such as [\"1\", \"2\"]"));
    };
    elems.iter().map(|version| read(version, |text| id("a version", text))).collect()
}
