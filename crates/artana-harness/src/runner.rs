//! What every kind of harness offers of its runner: how it is set, its sessions, and what it is in a child run. It adds
//! nothing of its own.

/// Declares how a harness is set.
macro_rules! settings {
    () => {
        /// Sets what the ledger calls the harness.
        #[must_use]
        pub fn name(mut self, name: impl Into<String>) -> Self {
            self.0 = self.0.name(name);
            self
        }

        /// Sets how much is traced.
        #[must_use]
        pub fn trace(mut self, level: TraceLevel) -> Self {
            self.0 = self.0.trace(level);
            self
        }

        /// Sets what a session does that finds another process at its run.
        #[must_use]
        pub fn when_fenced(mut self, fenced: crate::WhenFenced) -> Self {
            self.0 = self.0.when_fenced(fenced);
            self
        }

        /// Returns how far a run's work has come.
        ///
        /// # Errors
        ///
        /// The kernel's `RunNotFound`.
        pub async fn progress(&self, tenant: &Tenant, id: &str) -> Result<Progress, Error> {
            self.0.progress(tenant, id).await
        }

        /// Follows how far a run's work has come.
        ///
        /// # Errors
        ///
        /// The kernel's `RunNotFound`.
        pub async fn watch_progress(&self, tenant: &Tenant, id: &str) -> Result<ProgressWatch, Error> {
            self.0.watch_progress(tenant, id).await
        }

        /// Lists the runs that do part of a run's work.
        ///
        /// # Errors
        ///
        /// The kernel's `RunNotFound`.
        pub async fn children(&self, tenant: &Tenant, id: &str) -> Result<Vec<(StepKey, ChildStep)>, Error> {
            self.0.children(tenant, id).await
        }
    };
}

/// Declares how a harness runs a session.
macro_rules! sessions {
    () => {
        /// Runs one session, and returns how far the work has come: see
        /// [`HarnessRunner::run`](crate::HarnessRunner::run).
        ///
        /// # Errors
        ///
        /// As for [`HarnessRunner::run`](crate::HarnessRunner::run).
        pub async fn run(&self, tenant: &Tenant, id: &str) -> Result<Progress, Error> {
            self.0.run(tenant, id).await
        }
    };
}

/// Makes a kind of harness one that may live in a child run: what its runner runs.
macro_rules! lives_in_a_child {
    ($kind:ident<$of:ident: $bound:path>) => {
        impl<$of: $bound> crate::Harness for $kind<$of> {
            fn label(&self) -> &str {
                self.0.label()
            }

            crate::lifecycle::pass_hooks_on!(0);

            async fn work(&self, cx: &HarnessContext) -> Result<crate::Worked> {
                self.0.work(cx).await
            }
        }
    };
}

pub(crate) use {lives_in_a_child, sessions, settings};
