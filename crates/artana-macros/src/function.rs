//! `#[tool]` on a function: a unit struct takes its name, and the body becomes the struct's `call`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, ItemFn, ext::IdentExt, parse::Parser};

use crate::{docs, options::Options, port::Port, private, signature::Owner};

/// Expands `#[tool(attribute)] item`. What is wrong is told, and the function stays as it was.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    tool(attribute, item.clone()).unwrap_or_else(|error| {
        let told = error.into_compile_error();
        quote!(#told #item)
    })
}

fn tool(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)
        .map_err(|error| syn::Error::new(error.span(), format!("`#[tool]` marks an async function: {error}")))?;
    let options = Options::parser.parse2(attribute);
    let private = private(options.as_ref().ok().and_then(|options| options.krate.as_ref()));
    let port = Port::new((&function.attrs, &function.sig), Owner::Module, options, &private)?;
    Ok(write(&function, &port, &private))
}

fn write(function: &ItemFn, port: &Port, private: &TokenStream) -> TokenStream {
    let (vis, name, block) = (&function.vis, &function.sig.ident, &function.block);
    let (registered, args, output) = (&port.name, &port.args, &port.output);
    let on_struct = docs::on_the_item(&function.attrs);
    let on_body = function.attrs.iter().filter(|attribute| !attribute.path().is_ident("doc"));
    let conditions: Vec<_> = docs::conditions(&function.attrs).collect();
    let mut signature = function.sig.clone();
    signature.ident = Ident::new("call", name.span());
    let made = port.made(&quote!(Self::call));
    let style = is_snake_case(name)
        .then(|| quote!(#[expect(non_camel_case_types, reason = "a tool is named as its function was")]));
    quote! {
        #(#on_struct)*
        #style
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #vis struct #name;

        #(#conditions)*
        impl #name {
            /// Runs the body alone: nothing is checked and nothing is recorded.
            ///
            /// # Errors
            ///
            /// As the body has them.
            #(#on_body)*
            #vis #signature #block
        }

        #(#conditions)*
        #[automatically_derived]
        impl #private::TypedTool for #name {
            type Args = #args;
            type Output = #output;

            fn name(&self) -> &str {
                #registered
            }
        }

        #(#conditions)*
        #[automatically_derived]
        impl #private::IntoTool for #name {
            fn into_tool(self, __states: &#private::States) -> #private::Made {
                #made
            }
        }
    }
}

/// Whether the compiler would want another name for a type.
fn is_snake_case(name: &Ident) -> bool {
    name.unraw().to_string().trim_start_matches('_').starts_with(char::is_lowercase)
}
