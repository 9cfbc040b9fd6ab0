//! A store around another one, for tests that look at what is written or change what is read. It passes on
//! whatever a test does not say.

/// Makes a store of a type whose field `inner` holds one: `append` and `content` as given, the rest passed on.
macro_rules! passing_store {
    ($name:ident; $($own:item)*) => {
        $crate::passing_store::passing_store! { @all $name; { $($own)* }
            fn read(run: &artana_core::RunRef, after: artana_core::Seq, limit: u32)
                -> Result<Vec<artana_core::Record>, artana_ports::StoreError>;
            fn head(run: &artana_core::RunRef) -> Result<Option<artana_core::Head>, artana_ports::StoreError>;
            fn holders(tenant: &artana_core::TenantId, keys: &[String])
                -> Result<Vec<Option<artana_core::EventId>>, artana_ports::StoreError>;
            fn run_key(root: &artana_core::RunRef) -> Result<Option<artana_core::RunKey>, artana_ports::StoreError>;
            fn tenant_key(tenant: &artana_core::TenantId, candidate: Option<artana_core::TenantKey>)
                -> Result<Option<artana_core::TenantKey>, artana_ports::StoreError>;
            fn view(run: &artana_core::RunRef) -> Result<Option<artana_ports::Listed>, artana_ports::StoreError>;
            fn runs(query: &artana_ports::RunQuery) -> Result<artana_ports::Page, artana_ports::StoreError>;
            fn beat(beat: artana_ports::Heartbeat) -> Result<artana_core::Timestamp, artana_ports::BeatError>;
            fn retire(incarnation: artana_core::IncarnationId) -> Result<(), artana_ports::StoreError>;
            fn alive(incarnations: &[artana_core::IncarnationId]) -> Result<Vec<bool>, artana_ports::StoreError>;
            fn take_due(query: &artana_ports::DueQuery)
                -> Result<Vec<artana_ports::Leased>, artana_ports::BeatError>;
            fn follow(run: &artana_core::RunRef, after: artana_core::Seq)
                -> Result<artana_core::Head, artana_ports::StoreError>;
            fn doctor() -> Result<Vec<artana_ports::Finding>, artana_ports::StoreError>;
            fn close() -> Result<(), artana_ports::StoreError>;
        }
    };
    (@all $name:ident; { $($own:item)* } $(fn $call:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        #[async_trait::async_trait]
        impl artana_ports::EventStore for $name {
            fn info(&self) -> artana_ports::StoreInfo {
                self.inner.info()
            }
            $($own)*
            $(async fn $call(&self $(, $arg: $type)*) -> $out { self.inner.$call($($arg),*).await })*
        }
    };
}

pub(crate) use passing_store;
