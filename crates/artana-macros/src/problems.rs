//! Gathers what is wrong with a declaration, so that one build shows all of it.

use std::fmt::Display;

use quote::ToTokens;

/// All that was found wrong so far.
#[derive(Default)]
pub(crate) struct Problems(Option<syn::Error>);

impl Problems {
    /// Adds a problem with what was written.
    pub(crate) fn at(&mut self, written: impl ToTokens, problem: impl Display) {
        self.add(syn::Error::new_spanned(written, problem));
    }

    /// Adds problems that were put together elsewhere.
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Answers with all problems, or with the value if it has none either.
    pub(crate) fn or<T>(self, value: syn::Result<T>) -> syn::Result<T> {
        both(self.0.map_or(Ok(()), Err), value).map(|((), value)| value)
    }
}

/// Both values, or all that is wrong with either.
pub(crate) fn both<A, B>(a: syn::Result<A>, b: syn::Result<B>) -> syn::Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        (Err(mut all), Err(error)) => {
            all.combine(error);
            Err(all)
        }
    }
}
