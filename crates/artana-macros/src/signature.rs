//! The signature of a function that is to be a tool: which parameter is what, and what it returns. Types
//! are told apart by the last segment of their path, because a macro sees no further.

use std::mem;

use proc_macro2::Span;
use syn::{
    FnArg, GenericArgument, PathArguments, PathSegment, ReturnType, Signature as Source, Type, spanned::Spanned,
};

use crate::problems::Problems;

const NOT_GENERIC: &str = "a tool has one type of arguments and one of results: it is not generic";

/// What a tool's function takes and returns.
pub(crate) struct Signature {
    /// The parameters in their order, without `self`.
    pub(crate) takes: Vec<Take>,
    /// What is returned, as it was written.
    pub(crate) returned: Type,
    /// What the returned result is of.
    pub(crate) output: Type,
}

/// What a parameter is given.
pub(crate) enum Take {
    /// The arguments.
    Args(Type),
    /// The context of the call.
    Context(Span),
    /// A state, as `State<T>`.
    State(Type),
}

/// Who owns the function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody: it stands in a module.
    Module,
    /// A bundle: it takes `&self`.
    Bundle,
}

impl Signature {
    /// Reads a signature, or tells all that is wrong with it.
    pub(crate) fn parse(source: &Source, owner: Owner) -> syn::Result<Self> {
        let mut problems = Problems::default();
        if source.asyncness.is_none() {
            problems.at(source.fn_token, "a tool is an `async fn`");
        }
        if let Some(unsafety) = source.unsafety {
            problems.at(unsafety, "a tool is called by the kernel, which upholds no contract of an unsafe function");
        }
        if !source.generics.params.is_empty() {
            problems.at(&source.generics, NOT_GENERIC);
        }
        self_fits(source, owner, &mut problems);
        let takes = takes(source, &mut problems);
        problems.or(returned(source)).map(|(returned, output)| Self { takes, returned, output })
    }

    /// Returns the type of the arguments; `None` for a tool that takes none.
    pub(crate) fn args(&self) -> Option<&Type> {
        self.takes.iter().find_map(|take| if let Take::Args(kind) = take { Some(kind) } else { None })
    }

    /// Returns whether the function can know its idempotency key.
    pub(crate) fn takes_context(&self) -> bool {
        self.takes.iter().any(|take| matches!(take, Take::Context(_)))
    }
}

fn self_fits(source: &Source, owner: Owner, problems: &mut Problems) {
    match (source.receiver(), owner) {
        (Some(receiver), Owner::Module) => problems
            .at(receiver, "`#[tool]` marks a function; for methods mark the `impl` block with `#[artana::tools]`"),
        (None, Owner::Bundle) => {
            problems.at(
                &source.ident,
                "a tool of a bundle takes `&self`; for a function without it mark one outside of the type",
            );
        }
        (Some(receiver), Owner::Bundle) if receiver.reference.is_none() || receiver.mutability.is_some() => {
            problems.at(receiver, "the tools of a bundle share it: take `&self`");
        }
        _ => {}
    }
}

fn takes(source: &Source, problems: &mut Problems) -> Vec<Take> {
    let typed = source.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    let mut takes = Vec::new();
    for parameter in typed {
        let take = match take(&parameter.ty) {
            Ok(take) => take,
            Err(error) => {
                problems.add(error);
                continue;
            }
        };
        let once = !matches!(take, Take::State(_));
        let again = once && takes.iter().any(|earlier| mem::discriminant(earlier) == mem::discriminant(&take));
        if again {
            problems
                .at(&parameter.ty, "a tool has one type of arguments and one `ToolContext`; the rest is `State<T>`");
        }
        takes.push(take);
    }
    takes
}

fn take(kind: &Type) -> syn::Result<Take> {
    let bare = bare(kind);
    match bare {
        Type::Reference(reference) => {
            Err(syn::Error::new_spanned(reference, "a tool owns what it is given: take it by value"))
        }
        Type::ImplTrait(generic) => Err(syn::Error::new_spanned(generic, NOT_GENERIC)),
        _ => Ok(match last(bare).map(|segment| segment.ident.to_string()).as_deref() {
            Some("ToolContext") => Take::Context(kind.span()),
            Some("State") => Take::State(kind.clone()),
            _ => Take::Args(kind.clone()),
        }),
    }
}

/// What is returned, and the type in its `ToolResult<T>` or `Result<T, ToolError>`.
fn returned(source: &Source) -> syn::Result<(Type, Type)> {
    const EXPECTED: &str = "a tool returns `ToolResult<T>`: its error says whether the effect may have happened";
    let ReturnType::Type(_, returned) = &source.output else {
        return Err(syn::Error::new_spanned(&source.ident, EXPECTED));
    };
    let segment = last(bare(returned)).filter(|last| last.ident == "ToolResult" || last.ident == "Result");
    let output = segment.and_then(first).ok_or_else(|| syn::Error::new_spanned(returned, EXPECTED))?;
    Ok(((**returned).clone(), output.clone()))
}

/// A type without the groups that macros and parentheses put around it.
fn bare(kind: &Type) -> &Type {
    match kind {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

fn last(kind: &Type) -> Option<&PathSegment> {
    match kind {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// The first type a path segment is given.
fn first(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(given) = &segment.arguments else { return None };
    given.args.iter().find_map(|argument| if let GenericArgument::Type(kind) = argument { Some(kind) } else { None })
}
