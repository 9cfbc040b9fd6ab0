//! What a store is asked for while its connection is disturbed, and what must be so afterwards. A call may be made
//! again when it failed; what it writes must then be there once, whatever became of the replies.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use artana_core::{EventId, IncarnationId, Queued, Seq, TenantKey, Timestamp, verify::Stored};
use artana_ports::{
    Append, AppendError, Authority, BeatError, Claim, DueQuery, Epoch, EventStore, Heartbeat, Leased, Rate, Release,
    Reserve, RunQuery, StoreError,
};
use artana_store_postgres::PostgresStore;
use tokio_postgres::Client;

use crate::{
    chain::{Chain, Sent, new_life, send},
    proxy::{Act, Plan, Proxy, Way},
};

/// Longer than any test.
pub(crate) const TTL: Duration = Duration::from_secs(300);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    /// The first batch of a run, which also takes its lease.
    Start,
    /// A batch like most: of whoever drives the run.
    Append,
    /// A batch that claims and releases something of every kind, and takes the lease.
    Claims,
    /// Batches of four runs at once.
    Group,
    /// A batch of a plain step, when the connection was lost before.
    Reconnect,
    /// A first sign of life, and another one.
    Beat,
    /// The end of a life, and a question about it.
    Retire,
    TakeDue,
    /// Everything that is read of a run.
    Read,
    /// Content, keys and holders.
    Vault,
    Follow,
    Doctor,
}

impl Scenario {
    pub(crate) const ALL: [Self; 11] = [
        Self::Start,
        Self::Append,
        Self::Claims,
        Self::Group,
        Self::Reconnect,
        Self::Beat,
        Self::Retire,
        Self::TakeDue,
        Self::Read,
        Self::Vault,
        Self::Follow,
    ];

    /// Says whether nothing is written, so that a call is made again by the store itself.
    pub(crate) fn only_reads(self) -> bool {
        matches!(self, Self::Read)
    }
}

/// One call, disturbed once.
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    /// Reaches the server through a proxy.
    pub(crate) store: PostgresStore,
    /// Reaches the server directly.
    pub(crate) direct: Arc<PostgresStore>,
    pub(crate) stranger: Arc<Client>,
    chain: Chain,
    others: [(Chain, Append); 3],
    /// The batch that is sent, to the letter, however often it is sent.
    batch: Append,
    life: IncarnationId,
    /// Names what no other case has.
    name: String,
}

impl Case {
    /// Prepares what the call needs.
    pub(crate) async fn new(
        (scenario, name): (Scenario, String),
        store: PostgresStore,
        direct: Arc<PostgresStore>,
        stranger: Arc<Client>,
    ) -> Self {
        let chain = Chain::new(&name);
        let others = [1, 2, 3].map(|other| Chain::new(&format!("{name} {other}"))).map(|other| {
            let batch = other.batch();
            (other, batch)
        });
        let (batch, life) = (chain.batch(), new_life());
        Self { scenario, store, direct, stranger, chain, others, batch, life, name }
    }

    /// Makes what the call finds, without the store it is made of.
    pub(crate) async fn given(&mut self, proxy: &Proxy) {
        let direct = Arc::clone(&self.direct);
        if !matches!(self.scenario, Scenario::Beat) {
            direct.beat(Heartbeat { incarnation: self.life, ttl: TTL, first: true }).await.expect("a life");
        }
        match self.scenario {
            Scenario::Start => {}
            Scenario::TakeDue => self.enqueue(&direct).await,
            Scenario::Claims => self.reserve(&direct).await,
            Scenario::Append => {
                let first = Append { authority: Authority::TakeLease(self.life), ..self.chain.batch() };
                self.chain.head = Some(direct.append(first).await.expect("a lease").head);
            }
            _ => self.chain.grow(&*direct).await,
        }
        self.batch = match self.scenario {
            Scenario::Start => {
                Append { authority: Authority::TakeLease(self.life), claims: self.claims(), ..self.chain.batch() }
            }
            Scenario::Claims => Append {
                authority: Authority::TakeLease(self.life),
                claims: self.claims(),
                releases: vec![Release::Reserve { account: self.name.clone(), holder: self.holder(), spent: 2 }],
                ..self.chain.batch()
            },
            Scenario::Append => Append { authority: Authority::Driver(Epoch::new(1)), ..self.chain.batch() },
            Scenario::Reconnect => Append { authority: Authority::Plain(self.life), ..self.chain.batch() },
            _ => self.chain.batch(),
        };
        if self.scenario == Scenario::Reconnect {
            self.lose_the_connection(proxy).await;
        }
    }

    /// Has the store lose its only connection, and know it.
    async fn lose_the_connection(&self, proxy: &Proxy) {
        let beat = || self.store.beat(Heartbeat { incarnation: self.life, ttl: TTL, first: false });
        beat().await.expect("it prepares its statement");
        proxy.plan(Plan { way: Way::ToServer, nth: 0, act: Act::Cut });
        assert!(matches!(beat().await, Err(BeatError::Store(StoreError::Unavailable { .. }))), "it was cut");
    }

    async fn enqueue(&mut self, direct: &PostgresStore) {
        let mut batch = self.chain.batch();
        let due_at = Timestamp::from_micros(1);
        batch.view.queued = Some(Queued { queue: self.name.clone(), priority: 0, due_at });
        self.chain.head = Some(direct.append(batch).await.expect("a due run").head);
    }

    async fn reserve(&mut self, direct: &PostgresStore) {
        let batch = Append { claims: vec![self.part(5)], ..self.chain.batch() };
        self.chain.head = Some(direct.append(batch).await.expect("a reservation").head);
    }

    fn holder(&self) -> EventId {
        EventId::from_bytes(*self.life.as_bytes())
    }

    fn part(&self, amount: u64) -> Claim {
        Claim::Reserve(Reserve { account: self.name.clone(), limit: 1000, amount, holder: self.holder() })
    }

    /// One of each kind.
    fn claims(&self) -> Vec<Claim> {
        let window = Duration::from_secs(1 << 30);
        vec![
            self.part(7),
            Claim::Unique { key: self.name.clone(), holder: self.holder() },
            Claim::Rate(Rate { key: self.name.clone(), window, limit: 10, amount: 1 }),
            Claim::NotAfter(Timestamp::from_micros(i64::MAX)),
        ]
    }

    /// Makes the call, until the store can say what became of it.
    pub(crate) async fn when(&self) -> Result<Sent, StoreError> {
        let (store, run) = (&self.store, &self.chain.run);
        match self.scenario {
            Scenario::Start | Scenario::Append | Scenario::Claims | Scenario::Reconnect => {
                send(store, &self.batch).await
            }
            Scenario::Group => self.group().await,
            Scenario::Beat => self.beats().await.map(|()| Sent::Written),
            Scenario::Retire => {
                store.retire(self.life).await?;
                assert_eq!(store.alive(&[self.life]).await?, [false]);
                Ok(Sent::Written)
            }
            Scenario::TakeDue => self.takes().await.map(|_| Sent::Written),
            Scenario::Read => self.reads().await,
            Scenario::Vault => self.looks().await,
            Scenario::Follow => {
                let (followed, grown) = tokio::join!(store.follow(run, Seq::new(2)), send(&*self.direct, &self.batch));
                grown.expect("nobody disturbs the writer");
                assert_eq!(followed?, self.batch.view.head);
                Ok(Sent::Written)
            }
            Scenario::Doctor => store.doctor().await.map(|_| Sent::Written),
        }
    }

    async fn group(&self) -> Result<Sent, StoreError> {
        let [a, b, c] = self.others.each_ref().map(|(_, batch)| send(&self.store, batch));
        let (first, a, b, c) = tokio::join!(send(&self.store, &self.batch), a, b, c);
        let all = [first?, a?, b?, c?];
        Ok(if all.contains(&Sent::Settled) { Sent::Settled } else { Sent::Written })
    }

    async fn beats(&self) -> Result<(), StoreError> {
        let beat = |first| self.store.beat(Heartbeat { incarnation: self.life, ttl: TTL, first });
        let told = |told| match told {
            Ok(_) => Ok(true),
            // A first sign of life that stands is refused when it is sent again.
            Err(BeatError::Lapsed) => Ok(false),
            Err(BeatError::Store(error)) => Err(error),
            Err(error) => panic!("{error}"),
        };
        let begins = told(beat(true).await)?;
        let goes_on = told(beat(false).await)?;
        assert!(goes_on, "a life that began goes on; it began now: {begins}");
        Ok(())
    }

    async fn takes(&self) -> Result<Vec<Leased>, StoreError> {
        // What was taken in a reply that was lost is due again, because nobody says it is driven.
        let query =
            DueQuery { queues: vec![self.name.clone()], driving: Some(BTreeSet::new()), ..DueQuery::all(self.life, 9) };
        match self.store.take_due(&query).await {
            Ok(taken) => Ok(taken),
            Err(BeatError::Store(error)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    }

    async fn reads(&self) -> Result<Sent, StoreError> {
        let (store, run) = (&self.store, &self.chain.run);
        assert_eq!(store.read(run, Seq::ZERO, 9).await?.len(), 2);
        assert_eq!(store.head(run).await?, self.chain.head);
        assert!(store.view(run).await?.is_some());
        let mut query = RunQuery::all(run.tenant.clone());
        query.limit = 1;
        assert_eq!(store.runs(&query).await?.items.len(), 1);
        Ok(Sent::Written)
    }

    async fn looks(&self) -> Result<Sent, StoreError> {
        let (store, run) = (&self.store, &self.chain.run);
        let tenant = artana_core::TenantId::parse(&self.name).expect("a name");
        let first = store.tenant_key(&tenant, Some(TenantKey::from_bytes(unlike(&self.life)))).await?;
        let found = store.tenant_key(&tenant, None).await?;
        assert_eq!(found.map(|key| *key.expose()), first.map(|key| *key.expose()), "one key, for good");
        let unknown = [artana_core::Digest::from_bytes([9; 32])];
        assert_eq!(store.content(run, &unknown).await?, [Stored::Missing]);
        assert!(store.run_key(run).await?.is_some());
        assert_eq!(store.holders(&run.tenant, std::slice::from_ref(&self.name)).await?, [None]);
        Ok(Sent::Written)
    }

    /// Checks that a batch that was refused is not there: only a doubt may leave one behind.
    pub(crate) async fn wrote_nothing(&self) {
        if matches!(self.scenario, Scenario::Start | Scenario::Append | Scenario::Claims | Scenario::Reconnect) {
            assert_eq!(self.direct.head(&self.chain.run).await.expect("a head"), self.chain.head);
        }
    }

    /// Checks what is so once the call was answered.
    pub(crate) async fn then(&self) {
        let direct = &*self.direct;
        let events = self.chain.verified(direct).await;
        let batches = match self.scenario {
            Scenario::Start => 1,
            Scenario::Append | Scenario::Claims | Scenario::Group | Scenario::Reconnect | Scenario::Follow => 2,
            Scenario::Beat | Scenario::Retire | Scenario::TakeDue => 1,
            Scenario::Read | Scenario::Vault | Scenario::Doctor => 1,
        };
        assert_eq!(events.len(), batches * 2, "every event once");
        match self.scenario {
            Scenario::Start => self.claimed(0, 7).await,
            Scenario::Claims => self.claimed(2, 7).await,
            Scenario::Group => {
                for (other, _) in &self.others {
                    assert_eq!(other.verified(direct).await.len(), 2);
                }
            }
            Scenario::TakeDue => self.leased().await,
            Scenario::Beat => assert_eq!(direct.alive(&[self.life]).await.expect("an answer"), [true]),
            _ => {}
        }
    }

    /// Checks that what was claimed is claimed once, and what was released is released once.
    async fn claimed(&self, settled: i64, reserved: i64) {
        const ACCOUNT: &str = "SELECT a.settled::bigint, a.reserved::bigint, r.amount::bigint, c.counted::bigint \
            FROM artana.accounts AS a JOIN artana.reservations AS r USING (tenant, account) \
            JOIN artana.rates AS c ON c.tenant = a.tenant AND c.key = a.account WHERE a.account = $1";
        let account = self.stranger.query_one(ACCOUNT, &[&self.name.as_bytes()]).await.expect("an account");
        let found: [i64; 4] = std::array::from_fn(|at| account.get(at));
        assert_eq!(found, [settled, reserved, reserved, 1]);
        let (tenant, key) = (&self.chain.run.tenant, std::slice::from_ref(&self.name));
        assert_eq!(self.direct.holders(tenant, key).await.expect("holders"), [Some(self.holder())]);
        assert_eq!(self.epoch().await, 1, "the lease was granted once");
    }

    async fn epoch(&self) -> u64 {
        const EPOCH: &str = "SELECT lease_epoch FROM artana.runs WHERE run = $1 AND lease_owner = $2";
        let (run, life) = (self.chain.run.run.as_str(), self.life.as_bytes().to_vec());
        let row = self.stranger.query_one(EPOCH, &[&run, &life]).await.expect("a lease");
        row.get::<_, i64>(0).cast_unsigned()
    }

    /// Checks that the lease is the taker's, and only its last epoch is good for an append.
    async fn leased(&self) {
        let epoch = self.epoch().await;
        let driven = |epoch| Append { authority: Authority::Driver(Epoch::new(epoch)), ..self.chain.batch() };
        let fenced = self.direct.append(driven(epoch - 1)).await;
        assert!(matches!(fenced, Err(AppendError::Fenced { .. })), "{fenced:?}");
        self.direct.append(driven(epoch)).await.expect("the last epoch is good");
    }

    /// Has somebody else send the same batch meanwhile, who does not wait long for the run's row.
    pub(crate) async fn rival(&self, impatient: &PostgresStore) {
        use Scenario::{Append, Claims, Follow, Group, Reconnect, Start};
        if !matches!(self.scenario, Start | Append | Claims | Group | Reconnect | Follow) {
            impatient.head(&self.chain.run).await.expect("nobody else is held up");
            return;
        }
        match impatient.append(self.batch.clone()).await {
            Ok(_) | Err(AppendError::Conflict { .. } | AppendError::Store(StoreError::Busy { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn unlike(life: &IncarnationId) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(life.as_bytes());
    bytes
}
