//! `#[tools]` on an `impl` block: its marked methods stay methods, and each is a tool as well, named by a
//! constant of the type.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Attribute, Ident, ImplItem, ImplItemFn, ItemImpl, Meta, Path, Token, Visibility,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::{
    docs,
    options::Options,
    port::Port,
    private,
    problems::{Problems, both},
    signature::Owner,
};

/// A marked method.
struct Tool {
    method: Ident,
    vis: Visibility,
    conditions: Vec<Attribute>,
    port: Port,
}

/// Expands `#[tools(attribute)] item`. What is wrong is told, and the methods stay as they were.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut block: ItemImpl = match syn::parse2(item.clone()) {
        Ok(block) => block,
        Err(error) => {
            let told = syn::Error::new(error.span(), format!("`#[tools]` marks an `impl` block: {error}"));
            let told = told.into_compile_error();
            return quote!(#told #item);
        }
    };
    let krate = krate.parse2(attribute);
    let private = private(krate.as_ref().ok().and_then(Option::as_ref));
    match both(krate, tools(&mut block, &private)) {
        Ok((_, tools)) => write(block, &tools, &private),
        Err(error) => {
            let told = error.into_compile_error();
            quote!(#told #block)
        }
    }
}

/// Reads `crate = path`, the one option.
fn krate(input: ParseStream<'_>) -> syn::Result<Option<Path>> {
    if input.is_empty() {
        return Ok(None);
    }
    if !input.peek(Token![crate]) {
        return Err(input.error("the one option of `#[tools]` is `crate`; the others stand at each `#[tool]`"));
    }
    input.parse::<Token![crate]>()?;
    input.parse::<Token![=]>()?;
    let path = input.call(Path::parse_mod_style)?;
    input.parse::<Option<Token![,]>>()?;
    Ok(Some(path))
}

/// Takes the marks off the methods, and tells all that is wrong with what they marked.
fn tools(block: &mut ItemImpl, private: &TokenStream) -> syn::Result<Vec<Tool>> {
    let (mut problems, mut tools, mut marked) = (Problems::default(), Vec::new(), false);
    if let Some((_, of, _)) = &block.trait_ {
        problems.at(of, "`#[tools]` marks the methods of a type, not those of a trait");
    }
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        let Some(options) = unmark(method) else { continue };
        marked = true;
        match Port::new((&method.attrs, &method.sig), Owner::Bundle, options, private) {
            Ok(port) => tools.push(Tool {
                method: method.sig.ident.clone(),
                vis: method.vis.clone(),
                conditions: docs::conditions(&method.attrs).cloned().collect(),
                port,
            }),
            Err(error) => problems.add(error),
        }
    }
    if !marked {
        problems.at(&block.self_ty, "a bundle has tools: mark its methods with `#[tool]`");
    }
    problems.or(Ok(tools))
}

/// Takes off the marks of a method, and reads their options.
fn unmark(method: &mut ImplItemFn) -> Option<syn::Result<Options>> {
    let is_mark = |attribute: &Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "tool");
    let (marks, rest) = std::mem::take(&mut method.attrs).into_iter().partition(is_mark);
    method.attrs = rest;
    let marks: Vec<Attribute> = marks;
    let first = marks.first()?;
    if let Some(second) = marks.get(1) {
        return Some(Err(syn::Error::new_spanned(second, "a method is one tool")));
    }
    let options = match &first.meta {
        Meta::Path(_) => Ok(Options::default()),
        Meta::List(list) => list.parse_args_with(Options::parser),
        Meta::NameValue(pair) => Err(syn::Error::new_spanned(pair, "expected `#[tool]` or `#[tool(…)]`")),
    };
    Some(options.and_then(|options| match &options.krate {
        Some(krate) => Err(syn::Error::new_spanned(krate, "`crate` stands at `#[tools]`, once for all its methods")),
        None => Ok(options),
    }))
}

fn write(mut block: ItemImpl, tools: &[Tool], private: &TokenStream) -> TokenStream {
    block.items.extend(tools.iter().map(|tool| ImplItem::Verbatim(constant(tool, private))));
    let (generics, _, bounds) = block.generics.split_for_impl();
    let (of, on_block) = (&block.self_ty, docs::conditions(&block.attrs));
    let conditions = tools.iter().map(|tool| &tool.conditions);
    let made = tools.iter().map(|tool| {
        let method = &tool.method;
        tool.port.made(&quote!(Self::#method))
    });
    quote! {
        #block

        #(#on_block)*
        #[automatically_derived]
        impl #generics #private::ToolBundle for #of #bounds {
            fn into_tools(self: #private::Arc<Self>, __states: &#private::States) -> #private::AllMade {
                #private::all([#(#(#conditions)* #made),*])
            }
        }
    }
}

/// The name of a tool with its types, as a constant named like the method.
fn constant(tool: &Tool, private: &TokenStream) -> TokenStream {
    let Tool { method, vis, conditions, port } = tool;
    let (name, args, output) = (&port.name, &port.args, &port.output);
    // A name of the macro's own: nobody is told that it is unused, as a model calls tools without it.
    let place = Span::call_site().located_at(method.span());
    let constant = Ident::new(&method.unraw().to_string().to_uppercase(), place);
    let told = format!("The tool `{name}`, which is [`Self::{method}`], for steps to call: `step.tool(…)`.");
    quote! {
        #(#conditions)*
        #[doc = #told]
        #vis const #constant: #private::ToolRef<#args, #output> = #private::ToolRef::new(#name);
    }
}
