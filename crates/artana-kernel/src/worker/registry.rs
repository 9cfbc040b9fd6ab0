//! Code that workers may drive, by the name under which it is registered.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use artana_core::Name;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Notify;

use crate::{
    Error, Failure, Kernel, WorkflowContext,
    code::from_json,
    workflow::{child::written, driver::Code},
};

/// Registered code: of what it was given, in JSON, it makes what is driven, or says why it cannot read that.
pub(crate) type Begin = Arc<dyn Fn(&[u8]) -> Result<Begun, String> + Send + Sync>;
/// Code with what it was given.
pub(crate) type Begun = Box<dyn FnOnce(WorkflowContext) -> Code<'static> + Send>;

/// Code that workers may drive.
#[derive(Default)]
pub(crate) struct Registry {
    code: Mutex<BTreeMap<Name, Begin>>,
    knock: Notify,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.names()).finish()
    }
}

impl Registry {
    fn code(&self) -> MutexGuard<'_, BTreeMap<Name, Begin>> {
        self.code.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn names(&self) -> Vec<Name> {
        self.code().keys().cloned().collect()
    }

    pub(crate) fn find(&self, name: &Name) -> Option<Begin> {
        self.code().get(name).cloned()
    }

    /// Tells the workers of this process that something may be due.
    pub(crate) fn knock(&self) {
        self.knock.notify_one();
    }

    pub(crate) async fn knocked(&self) {
        self.knock.notified().await;
    }
}

impl Kernel {
    /// Lists the names under which code is registered, which are those of the queues that workers here serve.
    #[must_use]
    pub fn registered(&self) -> Vec<Name> {
        self.0.registry.names()
    }

    /// Registers code under a name, so that runs of it can be enqueued here and driven by any worker that has
    /// registered it too. Registering a name again replaces the code.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidId`] when the name is not fit.
    pub fn register<I, T, F, Fut>(&self, name: &str, f: F) -> Result<(), Error>
    where
        I: DeserializeOwned + Send + 'static,
        T: Serialize + DeserializeOwned + 'static,
        F: Fn(WorkflowContext, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let name = Name::parse(name)?;
        let f = Arc::new(f);
        let begin: Begin = Arc::new(move |input| {
            let (f, input) = (Arc::clone(&f), from_json::<I>(input)?);
            let begun: Begun =
                Box::new(move |cx| -> Code<'static> { Box::pin(async move { written(&f(cx, input).await?) }) });
            Ok(begun)
        });
        self.0.registry.code().insert(name, begin);
        self.0.registry.knock();
        Ok(())
    }
}
