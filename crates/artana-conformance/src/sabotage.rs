//! What the saboteurs of all ports have in common: how one is described, put before an adapter, and listed.

/// Declares `Sabotage` and `Sabotaged` for the adapters that a factory makes.
macro_rules! sabotage {
    ($factory:ident, $mischief:ident) => {
        /// One way of being wrong, and the law that notices.
        #[derive(Clone, Copy)]
        pub struct Sabotage {
            /// The law.
            pub law: &'static str,
            /// What the saboteur does, as a sentence.
            pub does: &'static str,
            begin: fn() -> ::std::sync::Arc<dyn $mischief>,
        }

        impl ::std::fmt::Debug for Sabotage {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{}: {}", self.law, self.does)
            }
        }

        impl Sabotage {
            /// Puts the saboteur between the laws and an adapter that keeps them.
            #[must_use]
            pub fn of<'a>(&self, factory: &'a dyn $factory) -> Sabotaged<'a> {
                Sabotaged { factory, sabotage: *self }
            }
        }

        /// An adapter with a saboteur before it.
        #[derive(Debug)]
        pub struct Sabotaged<'a> {
            factory: &'a dyn $factory,
            sabotage: Sabotage,
        }
    };
}

/// Lists the saboteurs of an area, below the `Sabotage` of its port: the law, what is done, and who does it.
macro_rules! sabotages {
    ($($law:literal: $does:literal => $name:ident;)+) => {
        &[$(super::Sabotage { law: $law, does: $does, begin: || ::std::sync::Arc::new($name::default()) }),+]
    };
}

pub(crate) use {sabotage, sabotages};
