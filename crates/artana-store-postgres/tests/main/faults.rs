//! A connection that fails at every message of every call, in every way: cut, torn, closed one way, silent, slow.
//! Whatever happens, nothing is there twice, a doubt is settled by sending the same again, all else is told in the
//! port's terms, chains hold, and the next call works.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use artana_ports::StoreError;
use artana_store_postgres::{PostgresOptions, PostgresStore};
use artana_testkit::postgres::Database;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::{
    chain::{Chain, Sent},
    migrate::NEWEST,
    proxy::{Act, Passed, Plan, Proxy, Way, socket},
    scenarios::{Case, Scenario},
    support::{nothing_is_open, options, stranger},
};

/// Cases under way at once: those that wait for a silent server wait together.
const AT_ONCE: usize = 16;
/// How long a silent server is waited for; an answer that comes late here would be a fault nobody planned.
const PATIENCE: Duration = Duration::from_secs(2);

/// What all cases of a test share.
struct Place {
    database: Database,
    socket: PathBuf,
    direct: Arc<PostgresStore>,
    impatient: Arc<PostgresStore>,
    stranger: Arc<Client>,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Answered,
    Settled,
    Failed,
}

impl Place {
    /// `None`, said loudly, where no server is on a socket of this machine.
    async fn new() -> Option<Arc<Self>> {
        let database = Database::fresh()?;
        let socket = socket(&database)?;
        let direct = Arc::new(options(&database).pool(1..=4).await.expect("a store"));
        let impatient = options(&database).pool(1..=4).lock_timeout(Duration::from_millis(20));
        let impatient = impatient.await.expect("a store");
        let stranger = Arc::new(stranger(&database).await);
        Some(Arc::new(Self { database, socket, direct, impatient: Arc::new(impatient), stranger }))
    }

    fn options(&self, proxy: &Proxy, act: Act) -> PostgresOptions {
        let options = proxy.options(&self.database).pool(1..=1);
        match act {
            Act::Swallow => options.statement_timeout(PATIENCE).connect_timeout(PATIENCE),
            _ => options,
        }
    }

    async fn case(&self, scenario: Scenario, name: String, proxy: &Proxy, act: Act) -> Case {
        let store = self.options(proxy, act).await.expect("a store");
        let mut case = Case::new((scenario, name), store, Arc::clone(&self.direct), Arc::clone(&self.stranger)).await;
        case.given(proxy).await;
        case
    }

    /// Counts the messages of a call that nothing disturbs.
    async fn messages(&self, scenario: Scenario) -> Passed {
        let proxy = Proxy::before(&self.socket).await;
        let case = self.case(scenario, format!("{scenario:?} undisturbed"), &proxy, Act::Cut).await;
        proxy.count();
        assert_eq!(case.when().await.expect("an answer"), Sent::Written);
        let passed = proxy.passed();
        case.then().await;
        passed
    }

    /// Makes a call and has one thing happen to it. `None` where its message never came.
    async fn disturbed(&self, scenario: Scenario, plan: Plan) -> Option<Told> {
        let proxy = Proxy::before(&self.socket).await;
        let case = self.case(scenario, format!("{scenario:?} {plan:?}"), &proxy, plan.act).await;
        proxy.plan(plan);
        let told = match plan.act {
            Act::Hold => self.held(&case, &proxy).await,
            _ => told(case.when().await),
        };
        // A follower also listens, on a connection of which it does not wait for every message.
        proxy.release();
        proxy.count();
        let reached = proxy.is_reached();
        assert!(reached || scenario == Scenario::Follow, "the message never came");
        assert!(told != Told::Failed || !scenario.only_reads(), "what only reads is asked again");
        if told == Told::Failed {
            case.wrote_nothing().await;
            case.when().await.expect("the next call works");
        }
        case.then().await;
        let another = Chain::new(&format!("{scenario:?} {plan:?} afterwards"));
        let batch = another.batch();
        crate::chain::send(&case.store, &batch).await.expect("the next call works");
        assert_eq!(another.verified(&case.store).await, batch.events);
        reached.then_some(told)
    }

    /// Holds a message while somebody else sends the same batch.
    async fn held(&self, case: &Case, proxy: &Proxy) -> Told {
        let mut call = std::pin::pin!(case.when());
        tokio::select! {
            biased;
            answer = &mut call => {
                assert_eq!(case.scenario, Scenario::Follow, "an answer before its message");
                return told(answer);
            }
            () = proxy.reached() => {}
        }
        case.rival(&self.impatient).await;
        proxy.release();
        told(call.await)
    }
}

fn told(answer: Result<Sent, StoreError>) -> Told {
    match answer {
        Ok(Sent::Written) => Told::Answered,
        Ok(Sent::Settled) => Told::Settled,
        Ok(Sent::Beaten) => panic!("nobody else wrote to this run"),
        Err(StoreError::Unavailable { .. } | StoreError::Busy { .. }) => Told::Failed,
        Err(error) => panic!("a lost connection was told as something else: {error}"),
    }
}

/// Lists every message of a call, with what is done to it.
fn plans(passed: Passed, act: Act) -> Vec<Plan> {
    let ways = [(Way::ToServer, passed.to_server), (Way::ToStore, passed.to_store)];
    let messages = ways.into_iter().flat_map(|(way, count)| (0..count).map(move |nth| (way, nth)));
    messages.map(|(way, nth)| Plan { way, nth, act }).collect()
}

/// Does all of it, many at once, and says which one failed.
async fn each<T, O, F>(what: Vec<T>, mut act: impl FnMut(T) -> F) -> Vec<(T, O)>
where
    T: Copy + Debug + Send + 'static,
    O: Send + 'static,
    F: Future<Output = O> + Send + 'static,
{
    let (mut tasks, mut labels, mut done) = (JoinSet::new(), BTreeMap::new(), Vec::new());
    let mut left = what.into_iter();
    loop {
        while tasks.len() < AT_ONCE
            && let Some(next) = left.next()
        {
            labels.insert(tasks.spawn(act(next)).id(), next);
        }
        match tasks.join_next_with_id().await {
            None => return done,
            Some(Ok((id, outcome))) => done.push((labels[&id], outcome)),
            Some(Err(error)) => panic!("{:?}: {error}", labels[&error.id()]),
        }
    }
}

type Tally = BTreeMap<Told, usize>;

/// Disturbs every message of these calls in one way. Empty where there is no server.
async fn every_message(scenarios: &[Scenario], act: Act) -> Tally {
    let Some(place) = Place::new().await else { return Tally::new() };
    let mut all = Vec::new();
    for scenario in scenarios {
        let plans = plans(place.messages(*scenario).await, act);
        all.extend(plans.into_iter().map(|plan| (*scenario, plan)));
    }
    let outcomes = each(all, |(scenario, plan)| {
        let place = Arc::clone(&place);
        async move { place.disturbed(scenario, plan).await }
    })
    .await;
    nothing_is_open(&place.stranger).await;
    let came = outcomes.iter().filter_map(|((scenario, _), told)| Some((*scenario, (*told)?)));
    for scenario in scenarios {
        let disturbed = came.clone().filter(|(one, _)| one == scenario).count();
        assert!(disturbed >= 10, "{scenario:?} was disturbed at {disturbed} messages only");
    }
    tallied(act, came)
}

/// Says what became of which call, and counts it all.
fn tallied<C: Ord + Copy + Debug>(act: Act, outcomes: impl Iterator<Item = (C, Told)>) -> Tally {
    let (mut each, mut all) = (BTreeMap::new(), Tally::new());
    for (call, told) in outcomes {
        *each.entry((call, told)).or_insert(0) += 1;
        *all.entry(told).or_insert(0) += 1;
    }
    println!("{act:?} at {} messages: {all:?} of {each:?}", all.values().sum::<usize>());
    all
}

/// Fails unless so many messages were disturbed, where there was a server.
fn at_least(tally: &Tally, messages: usize) {
    let disturbed: usize = tally.values().sum();
    assert!(tally.is_empty() || disturbed >= messages, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_at_any_message_repeats_nothing_and_loses_nothing() {
    let tally = every_message(&Scenario::ALL, Act::Cut).await;
    at_least(&tally, 200);
    assert!(
        tally.is_empty() || tally.get(&Told::Settled) >= Some(&30),
        "an append that was cut off is in doubt: {tally:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_torn_in_two_is_no_message() {
    at_least(&every_message(&Scenario::ALL, Act::Tear).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_closed_one_way_at_any_message_is_lost() {
    at_least(&every_message(&Scenario::ALL, Act::CloseWay).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_silent_from_any_message_on_is_given_up_in_time() {
    at_least(&every_message(&Scenario::ALL, Act::Swallow).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_held_up_only_takes_longer() {
    let tally = every_message(&Scenario::ALL, Act::Hold).await;
    at_least(&tally, 200);
    assert_eq!(tally.get(&Told::Failed), None, "slow is not lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_examination_that_is_cut_off_says_so() {
    at_least(&every_message(&[Scenario::Doctor], Act::Cut).await, 100);
}

/// Opens a store, and counts the messages of it.
async fn opening(database: &Database, socket: &Path) -> Passed {
    let proxy = Proxy::before(socket).await;
    proxy.options(database).pool(1..=1).await.expect("a store");
    proxy.passed()
}

/// Opens a store while something happens to its connection, and then without.
async fn opened_while(database: &Database, socket: &Path, plan: Plan) -> Told {
    let proxy = Arc::new(Proxy::before(socket).await);
    proxy.plan(plan);
    let undisturbed = proxy.options(database).pool(1..=1);
    let options = match plan.act {
        Act::Swallow => undisturbed.clone().statement_timeout(PATIENCE).connect_timeout(PATIENCE),
        _ => undisturbed.clone(),
    };
    let releasing = Arc::clone(&proxy);
    let releasing = tokio::spawn(async move {
        releasing.reached().await;
        releasing.release();
    });
    let told = told(options.await.map(|_| Sent::Written));
    assert!(proxy.is_reached(), "the message never came");
    releasing.await.expect("no panic");
    let mut chain = Chain::new(&format!("{plan:?}"));
    let store = undisturbed.await.expect("the next one opens it");
    chain.grow(&store).await;
    assert_eq!(chain.verified(&store).await.len(), 2);
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_a_store_survives_any_fault_at_any_message() {
    let Some(place) = Place::new().await else { return };
    let messages = opening(&place.database, &place.socket).await;
    let acts = [Act::Cut, Act::Tear, Act::CloseWay, Act::Swallow, Act::Hold];
    let all = acts.into_iter().flat_map(|act| plans(messages, act)).collect();
    let outcomes = each(all, |plan| {
        let place = Arc::clone(&place);
        async move { opened_while(&place.database, &place.socket, plan).await }
    })
    .await;
    nothing_is_open(&place.stranger).await;
    for act in acts {
        let told = outcomes.iter().filter(|(plan, _)| plan.act == act).map(|(plan, told)| (plan.way, *told));
        let tally = tallied(act, told);
        at_least(&tally, 40);
        assert!(act != Act::Hold || !tally.contains_key(&Told::Failed), "slow is not lost: {tally:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_cut_off_while_it_is_made_is_made_whole_by_the_next() {
    let Some(database) = Database::fresh() else { return };
    let Some(socket) = socket(&database) else { return };
    let plans = plans(opening(&database, &socket).await, Act::Cut);
    let outcomes = each(plans, |plan| {
        let socket = socket.clone();
        async move {
            let database = Database::fresh().expect("there is a server");
            let told = opened_while(&database, &socket, plan).await;
            let made = database.run("SELECT count(*), max(version) FROM artana.migrations");
            assert_eq!(made, format!("{NEWEST}|{NEWEST}"), "every migration once");
            told
        }
    })
    .await;
    at_least(&tallied(Act::Cut, outcomes.iter().map(|(plan, told)| (plan.way, *told))), 40);
}
