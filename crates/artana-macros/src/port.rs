//! One tool as code: the declaration, and the closures that hand the kernel's call on to the function.
//! It writes what a person would write with `tool("…").handler(…)`, and nothing more.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Ident, Type, ext::IdentExt, spanned::Spanned};

use crate::{
    docs,
    literals::id,
    options::Options,
    problems::both,
    signature::{Owner, Signature, Take},
};

/// A function that is to be a tool.
pub(crate) struct Port {
    /// The name under which it is registered.
    pub(crate) name: String,
    /// The type of its arguments.
    pub(crate) args: TokenStream,
    /// The type of its result.
    pub(crate) output: Type,
    signature: Signature,
    owner: Owner,
    options: Options,
    description: TokenStream,
    private: TokenStream,
}

impl Port {
    /// Puts together what was written, or tells all that is wrong with it.
    pub(crate) fn new(
        source: (&[Attribute], &syn::Signature),
        owner: Owner,
        options: syn::Result<Options>,
        private: &TokenStream,
    ) -> syn::Result<Self> {
        let (attributes, function) = source;
        let (options, signature) = both(options, Signature::parse(function, owner))?;
        let name = match &options.name {
            Some(name) => Ok(name.clone()),
            None => id("the name", &function.ident.unraw().to_string())
                .map_err(|problem| syn::Error::new_spanned(&function.ident, problem)),
        };
        let context = match options.changes_the_world().filter(|_| !signature.takes_context()) {
            None => Ok(()),
            Some(effect) => Err(syn::Error::new_spanned(
                effect,
                "a tool with this effect takes a `ToolContext`: it holds the key by which the provider knows a repetition",
            )),
        };
        let (name, ()) = both(name, context)?;
        Ok(Self {
            name,
            args: signature.args().map_or_else(|| quote!(#private::NoArgs), ToTokens::to_token_stream),
            output: signature.output.clone(),
            signature,
            owner,
            options,
            description: docs::description(attributes),
            private: private.clone(),
        })
    }

    /// Writes the expression that makes the tool; `function` is the path of its body.
    pub(crate) fn made(&self, function: &TokenStream) -> TokenStream {
        let (private, args, output, returned) = (&self.private, &self.args, &self.output, &self.signature.returned);
        let states = nested(self.states().map(|kind| (kind.span(), quote!(#kind))));
        let declared = self.options.declaration(private, &self.name, &self.description);
        let body = self.handing_on(function, Span::call_site());
        // The types are named, so that the compiler points at one that does not fit.
        match &self.options.probe {
            None => quote!(#private::made::<#args, #output, #states, #returned, _, _>(__states, #declared, #body)),
            Some(probe) => {
                let probe = self.handing_on(&probe.to_token_stream(), probe.span());
                quote! {
                    #private::made_with_probe::<#args, #output, #states, #returned, _, _, _, _>(
                        __states, #declared, #body, #probe
                    )
                }
            }
        }
    }

    fn states(&self) -> impl DoubleEndedIterator<Item = &Type> {
        self.signature.takes.iter().filter_map(|take| if let Take::State(kind) = take { Some(kind) } else { None })
    }

    /// Writes a closure that hands a call on to `function`, with what that takes in its order.
    fn handing_on(&self, function: &TokenStream, span: Span) -> TokenStream {
        let private = &self.private;
        let given = nested((0..self.states().count()).map(|number| (span, state(number, span).into_token_stream())));
        let given = quote_spanned!(at(span)=> __args, __cx, #given);
        let passed = self.passed();
        match self.owner {
            Owner::Module => quote_spanned!(at(span)=> |#given| #function(#(#passed),*)),
            Owner::Bundle => quote_spanned!(at(span)=> {
                let __me = #private::Arc::clone(&self);
                move |#given| {
                    let __me = #private::Arc::clone(&__me);
                    async move { #function(&__me, #(#passed),*).await }
                }
            }),
        }
    }

    /// What is passed stands where its parameter does, so that the compiler points there.
    fn passed(&self) -> Vec<Ident> {
        let mut states = 0..;
        let passed = self.signature.takes.iter().map(|take| match take {
            Take::Args(kind) => Ident::new("__args", at(kind.span())),
            Take::Context(span) => Ident::new("__cx", at(*span)),
            Take::State(kind) => state(states.next().unwrap_or_default(), kind.span()),
        });
        passed.collect()
    }
}

/// The name of a state inside the closures.
fn state(number: usize, span: Span) -> Ident {
    Ident::new(&format!("__state{number}"), at(span))
}

/// The place of `span`, with the names that generated code sees.
fn at(span: Span) -> Span {
    span.resolved_at(Span::call_site())
}

/// A list as pairs: `(a, (b, ()))`.
fn nested(items: impl DoubleEndedIterator<Item = (Span, TokenStream)>) -> TokenStream {
    items.rev().fold(quote!(()), |rest, (span, item)| quote_spanned!(span=> (#item, #rest)))
}
