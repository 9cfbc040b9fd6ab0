//! The attributes of Artana: `#[tool]` makes a tool of a function, `#[tools]` of the methods of a type.
//!
//! They write what a person would write with `tool("…").handler(…)`, and hold the declaration to its
//! bounds while it is compiled. They know nothing of runs and steps: all behaviour is in the kernel.
//! The facade `artana` re-exports both, with examples.

mod bundle;
mod docs;
mod function;
mod limits;
mod literals;
mod options;
mod port;
mod problems;
mod signature;

use proc_macro::TokenStream;
use syn::Path;

/// Makes a tool of an async function.
///
/// A unit struct takes the function's name and visibility. A kernel is built with it, and a step calls
/// it; the body stays callable as its `call`. The doc comment is the tool's description. As for every unit
/// struct, no variable in its scope can have its name.
///
/// The function takes, in any order: one type of arguments, or none; the `ToolContext`, which a tool that
/// changes the world has to take; and a `State<T>` for each value of the program it needs. It returns
/// `ToolResult<T>`. Types are told apart by their names, so they are written as `ToolContext`, `State` and
/// `ToolResult` (or `Result`), with whatever path.
///
/// The arguments implement `Serialize`, `DeserializeOwned`, `JsonSchema`, `Send` and `'static`, and so does
/// the result. A tool without arguments is called with `NoArgs`.
///
/// # Options
///
/// | option | says | unless told |
/// |---|---|---|
/// | `name = "…"` | the name the tool is registered under | the function's |
/// | `effect = "…"` | `read`: none; `idempotent`: one for each idempotency key; `side_effect`: one for each call | `read` |
/// | `retention = "24h"` | how long the provider remembers a key; with `idempotent`, and only there | |
/// | `capability = "…"` | what a tenant needs to use it | nothing |
/// | `risk = "…"` | how much harm a wrong call does: `low`, `medium`, `high`, `critical` | `low` |
/// | `timeout = "30s"` | how long one attempt may take | 30 s |
/// | `settle = "60s"` | how long after the timeout an effect may still land | 60 s |
/// | `version = "1"` | the version of its behaviour | `1` |
/// | `schema_version = 1` | the number of its argument schema | 1 |
/// | `retries = 2` | how many attempts may follow the first after transient failures | 0 |
/// | `backoff = "100ms"` | the wait before the second attempt; it doubles with each further one | 100 ms |
/// | `max_result = "1MiB"` | the largest result, or a number of bytes | 1 MiB |
/// | `probe = path` | the async function that asks the outside world what became of a key | none |
/// | `reconciles = ["1"]` | recorded versions of itself whose unfinished steps it can continue | none |
/// | `crate = path` | where the generated code finds Artana | `::artana` |
///
/// A duration is a whole number and one of `us`, `ms`, `s`, `m`, `h`, `d`; a size is a whole number and one of
/// `B`, `KiB`, `MiB`.
///
/// A probe takes what the tool takes, in the same order, states included, and returns
/// `ToolResult<Option<T>>`: the result if the effect landed, `None` if it did not, an error if nobody knows.
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    function::expand(attribute.into(), item.into()).into()
}

/// Makes tools of the methods of a type that are marked `#[tool]`, which takes the options of [`macro@tool`].
///
/// A marked method is an async one that takes `&self`; besides that it takes and returns what a function
/// marked `#[tool]` does. It stays a method. The type becomes a bundle, which a kernel is built with at once,
/// and gets a constant for each tool, named like the method in capitals, with which a step calls it.
/// Other methods stay as they are. A probe is named by its path, such as `probe = Self::look_up`, and
/// takes `&self` as well.
///
/// The one option is `crate = path`, where the generated code finds Artana; `::artana` unless told.
#[proc_macro_attribute]
pub fn tools(attribute: TokenStream, item: TokenStream) -> TokenStream {
    bundle::expand(attribute.into(), item.into()).into()
}

/// The path of all that generated code refers to.
fn private(krate: Option<&Path>) -> proc_macro2::TokenStream {
    match krate {
        Some(path) => quote::quote!(#path::__private),
        None => quote::quote!(::artana::__private),
    }
}
