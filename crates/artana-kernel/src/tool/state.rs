//! What tools are given besides their arguments: shared values, found by their type. A value is never
//! shown, not even for debugging: it may hold secrets.

use std::{
    any::{Any, TypeId, type_name},
    collections::BTreeMap,
    fmt,
    ops::Deref,
    sync::Arc,
};

/// A value of the program that a tool is given: a client, a pool, a configuration.
///
/// It is registered once with [`KernelBuilder::state`](crate::KernelBuilder::state) and found by its
/// type. Cloning shares it. A test that calls a tool's body itself makes one with `State::from`.
pub struct State<T>(Arc<T>);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> From<T> for State<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> From<Arc<T>> for State<T> {
    fn from(shared: Arc<T>) -> Self {
        Self(shared)
    }
}

impl<T> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State<{}>", type_name::<T>())
    }
}

/// The values that tools may ask for, at most one of each type.
#[derive(Default)]
pub struct States {
    held: BTreeMap<TypeId, Held>,
    twice: Vec<&'static str>,
}

struct Held {
    kind: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl States {
    /// Holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value. A second one of the same type is a problem of [`KernelBuilder::build`](crate::KernelBuilder::build).
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        let held = Held { kind: type_name::<T>(), value: Arc::new(value) };
        if self.held.insert(TypeId::of::<T>(), held).is_some() {
            self.twice.push(type_name::<T>());
        }
        self
    }

    /// Returns the value of a type, if there is one.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<State<T>> {
        let held = self.held.get(&TypeId::of::<T>())?;
        Arc::clone(&held.value).downcast().ok().map(State)
    }

    /// Lists what is wrong with the values themselves.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        self.twice.iter().map(|kind| format!("there are two states of the type {kind}: a tool finds one by its type"))
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.held.values().map(|held| held.kind)).finish()
    }
}

/// The states a function asks for, as a list of pairs: `(State<A>, (State<B>, ()))`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to a tool",
    note = "a tool is given `artana::State<T>`, where `T` is `Send + Sync + 'static`"
)]
pub trait Injected: Clone + Send + Sync + 'static {
    /// Finds all of them, and adds the types of those that are missing.
    fn find(states: &States, missing: &mut Vec<&'static str>) -> Option<Self>;
}

impl Injected for () {
    fn find(_: &States, _: &mut Vec<&'static str>) -> Option<Self> {
        Some(())
    }
}

impl<T: Send + Sync + 'static, R: Injected> Injected for (State<T>, R) {
    fn find(states: &States, missing: &mut Vec<&'static str>) -> Option<Self> {
        let first = states.get();
        if first.is_none() {
            missing.push(type_name::<T>());
        }
        let rest = R::find(states, missing);
        first.zip(rest)
    }
}
