//! The pool, and the one way in which a statement is sent: in a task of its own, which the caller's going away does
//! not split. A connection of which nobody knows what it is in the middle of is never lent again.

use std::{future::Future, sync::Arc, time::Duration};

use artana_ports::StoreError;
use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, QueueMode, RecyclingMethod, Runtime, TimeoutType, Transaction,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Config, Row, config::SslMode, error::SqlState, types::ToSql};

use crate::{
    Durability, PostgresOptions, connect,
    error::{Failure, busy, unavailable},
    hosts::Reach,
    schema,
    statement::Param,
    tls, vitals,
};

/// More calls than are ever under way at once.
const CALLS: u32 = 1 << 20;
/// How often a statement is sent that may be sent again: once, and once for each of two connections that were lost
/// without anybody noticing.
const TRIES: u32 = 3;
/// How much longer than the server's own limit a caller waits for it: the time an answer needs.
const GRACE: Duration = Duration::from_secs(1);

const STATEMENT_TIMEOUT: &str = "SELECT set_config('statement_timeout', $1, true)";

/// The connections of a store.
#[derive(Clone)]
pub(crate) struct Sessions {
    pool: Pool,
    calls: Arc<Semaphore>,
    patience: Duration,
    maintenance: Duration,
    place: Arc<str>,
    must_encrypt: bool,
    /// What a server that is written to has to promise, unless any will do.
    asked: Option<Durability>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("place", &self.place).field("pool", &self.pool.status()).finish()
    }
}

impl Sessions {
    /// Prepares a pool, without connecting.
    pub(crate) fn new(config: &Config, options: &PostgresOptions, reach: Reach) -> Result<Self, StoreError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let patience = reach.hosts.patience();
        let manager = Manager::from_connect(config.clone(), reach, recycling);
        let pool = Pool::builder(manager)
            .max_size(*options.pool.end())
            // What was used last is warm: its statements are prepared and planned.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(options.wait))
            .create_timeout(Some(patience))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| unavailable("the pool of connections cannot be made"))?;
        Ok(Self {
            pool,
            calls: Arc::new(Semaphore::new(CALLS as usize)),
            patience: options.statement_timeout.saturating_add(GRACE),
            maintenance: options.maintenance_timeout,
            place: connect::place(config).into(),
            must_encrypt: config.get_ssl_mode() == SslMode::Require,
            asked: Some(options.durability).filter(|asked| !options.read_only && *asked != Durability::AsTheServer),
        })
    }

    /// Prepares one connection, without connecting.
    pub(crate) fn of_one(options: &PostgresOptions) -> Result<Self, StoreError> {
        let config = connect::config(options)?;
        let of_one = Self::new(&config, &options.clone().pool(1..=1), Reach::of(&config, options)?)?;
        // Nothing is appended by it.
        Ok(Self { asked: None, ..of_one })
    }

    /// Names the place of the store without any secret.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.calls.is_closed()
    }

    /// Opens so many connections at once, and keeps them.
    pub(crate) async fn warm(&self, connections: usize) -> Result<(), Failure> {
        let mut lent = Vec::new();
        for _ in 0..connections {
            lent.push(self.lend().await.map_err(|failure| self.of_clear(failure))?);
        }
        Ok(())
    }

    /// Tells of a first connection that could not be made where it has to be encrypted. The driver does not say whether
    /// that is why.
    fn of_clear(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Unsent(error) if self.must_encrypt && error.code().is_none() => {
                unavailable("the server cannot be reached, or offers no encryption, which the address asks for").into()
            }
            other => other,
        }
    }

    /// Sends a statement that changes nothing. A lost connection is replaced, and the statement sent again.
    pub(crate) async fn ask(&self, sql: &'static str, params: Vec<Param>) -> Result<Vec<Row>, Failure> {
        let again = |failure: &Failure| failure.is_lost() || failure.is_stale();
        self.in_task(|this| async move { this.send(sql, &params, again).await }).await
    }

    /// Sends a statement that changes something. It is sent again only if it certainly was not sent before.
    pub(crate) async fn tell(&self, sql: &'static str, params: Vec<Param>) -> Result<Vec<Row>, Failure> {
        self.in_task(|this| async move { this.tell_here(sql, &params).await }).await
    }

    /// The same, for whoever is in a task already.
    pub(crate) async fn tell_here(&self, sql: &'static str, params: &[Param]) -> Result<Vec<Row>, Failure> {
        let unsent = |failure: &Failure| (failure.is_lost() && !failure.is_doubtful()) || failure.is_stale();
        self.send(sql, params, unsent).await
    }

    /// Does work, and drops what is held when it is done, not when the caller goes.
    pub(crate) async fn holding<T, F>(
        &self,
        held: impl Send + 'static,
        work: impl FnOnce(Self) -> F + Send + 'static,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        self.in_task(|this| async move {
            let done = work(this).await;
            drop(held);
            done
        })
        .await
    }

    /// Does several things on one connection, which is kept only if they went well.
    pub(crate) async fn with<T, F>(&self, work: impl FnOnce(Object) -> F + Send + 'static) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = (Object, Result<T, Failure>)> + Send,
    {
        self.in_task(|this| async move {
            let (lent, done) = work(this.lend().await?).await;
            if done.is_err() {
                discard(lent);
            }
            done
        })
        .await
    }

    /// Waits for an answer no longer than a statement may take.
    pub(crate) async fn patiently<T, E>(&self, answer: impl Future<Output = Result<T, E>>) -> Result<T, Failure>
    where
        Failure: From<E>,
    {
        within(self.patience, answer).await
    }

    /// Waits for an answer no longer than a migration or an examination may take.
    pub(crate) async fn at_length<T, E>(&self, answer: impl Future<Output = Result<T, E>>) -> Result<T, Failure>
    where
        Failure: From<E>,
    {
        within(self.maintenance.saturating_add(GRACE), answer).await
    }

    /// Lets each statement of a transaction take as long as a migration or an examination may.
    pub(crate) async fn lengthen(&self, tx: &Transaction<'_>) -> Result<(), Failure> {
        let limit = connect::millis(self.maintenance).to_string();
        self.patiently(tx.execute(STATEMENT_TIMEOUT, &[&limit])).await.map(drop)
    }

    /// Waits for what was sent, and lets go of all connections.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let all = self.calls.acquire_many(CALLS).await.map_err(|_| StoreError::Closed)?;
        self.calls.close();
        self.pool.close();
        drop(all);
        Ok(())
    }

    /// Runs work in a task of its own, counted among the calls under way.
    async fn in_task<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let call: OwnedSemaphorePermit =
            Arc::clone(&self.calls).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let work = work(self.clone());
        let task = tokio::spawn(async move {
            let done = work.await;
            drop(call);
            done
        });
        // The task ends without an answer only when the runtime ends, or by a defect of this crate.
        task.await.unwrap_or(Err(Failure::Silent))
    }

    async fn send(
        &self,
        sql: &'static str,
        params: &[Param],
        again: impl Fn(&Failure) -> bool,
    ) -> Result<Vec<Row>, Failure> {
        for _ in 1..TRIES {
            match self.send_once(sql, params).await {
                Err(failure) if again(&failure) => {}
                answer => return answer,
            }
        }
        self.send_once(sql, params).await
    }

    async fn send_once(&self, sql: &'static str, params: &[Param]) -> Result<Vec<Row>, Failure> {
        let lent = self.lend().await?;
        let answer = self.patiently(query(&lent, sql, params)).await;
        let Err(failure) = &answer else { return answer };
        let fits = if failure.is_of_schema() { schema::refuse_newer(self, &lent).await } else { Ok(()) };
        if failure.is_stale() {
            // The others were made before the schema changed, too.
            self.pool.retain(|_, _| false);
        }
        if !failure.leaves_the_connection() {
            discard(lent);
        }
        fits?;
        answer
    }

    /// Lends a connection, making one if there may be another. A new one may lead to another server than the last, so
    /// what its server promises is judged before it is used.
    async fn lend(&self) -> Result<Object, Failure> {
        let lent = self.connected().await?;
        let Some(asked) = self.asked.filter(|_| Object::metrics(&lent).recycle_count == 0) else { return Ok(lent) };
        match self.patiently(granted(&lent, asked)).await {
            Ok(()) => Ok(lent),
            Err(failure) => {
                discard(lent);
                // Nothing was sent that could be in doubt.
                Err(if matches!(failure, Failure::Silent) { too_late() } else { failure })
            }
        }
    }

    async fn connected(&self) -> Result<Object, Failure> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Closed => StoreError::Closed.into(),
            PoolError::Timeout(TimeoutType::Wait) => busy("all connections of the pool are in use").into(),
            PoolError::Timeout(_) => too_late(),
            PoolError::Backend(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {
                StoreError::Missing { place: self.place.to_string() }.into()
            }
            PoolError::Backend(error) => match tls::refused(&error) {
                Some(refused) => refused.into(),
                None => Failure::Unsent(error),
            },
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                unavailable("the pool of connections is not usable").into()
            }
        })
    }
}

async fn within<T, E>(patience: Duration, answer: impl Future<Output = Result<T, E>>) -> Result<T, Failure>
where
    Failure: From<E>,
{
    let answer = tokio::time::timeout(patience, answer).await;
    Ok(answer.map_err(|_| Failure::Silent)??)
}

fn too_late() -> Failure {
    unavailable("the server does not let anybody in in time").into()
}

/// Refuses a server that promises less than is asked for. It takes one round trip.
async fn granted(lent: &Object, asked: Durability) -> Result<(), Failure> {
    let rows = lent.query_typed(vitals::SETTINGS, &[]).await.map_err(Failure::Unsent)?;
    let row = rows.first().ok_or_else(|| Failure::damaged("the server has no settings"))?;
    Ok(vitals::settings_of(row)?.grant(asked)?)
}

/// Prepares a statement, once for each connection, and sends it.
async fn query(lent: &Object, sql: &'static str, params: &[Param]) -> Result<Vec<Row>, Failure> {
    let statement = lent.prepare_cached(sql).await.map_err(Failure::Unsent)?;
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
    Ok(lent.query(&statement, &params).await?)
}

/// Takes a connection out of the pool for good.
fn discard(lent: Object) {
    drop(Object::take(lent));
}
