//! A run of 81 events with every kind this build writes, beside a run of the same tenant and a run of the
//! same name of another tenant, in one SQLite file.

use std::{
    future::IntoFuture,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use artana_core::{Actor, Tenant, decide::ReplayPolicy, export, verify::BreakKind};
use artana_kernel::{Error, Kernel, Resolve, Run, tool};
use artana_ports::{ModelAnswer, ModelError, ToolContext, ToolError, ToolPort};
use artana_store_sqlite::{SqliteStore, Synchronous};
use artana_testkit::{ScriptedModel, SimClock};
use artana_tests::verifier;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::driven;
use crate::oracle::exported;

pub(super) const TENANT: &str = "acme";
pub(super) const RUN: &str = "main";
/// A shorter run of the same tenant.
pub(super) const OTHER: &str = "other";
/// The fork of the run.
pub(super) const FORK: &str = "main~side";
/// The step of an effect that the run holds for its family.
pub(super) const CLAIMED: &str = "held";
/// The step of an effect that the fork holds for its family.
pub(super) const FORK_CLAIMED: &str = "held/aside";
/// A tenant that has a run of the same name.
pub(super) const STRANGER: &str = "beta";
/// How many events the run has.
pub(super) const EVENTS: u64 = 81;

/// Longer than any life, and than a call and its settling time together.
const LONG: Duration = Duration::from_secs(600);

/// Names the tenant as its runs are bound to it.
pub(super) fn tenant(id: &str) -> Tenant {
    Tenant::new(id).label("team", "blue").capability("charge")
}

/// A file in a folder of its own, open.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) store: Arc<SqliteStore>,
    pub(super) kernel: Kernel,
    _folder: TempDir,
}

impl Opened {
    /// Opens a copy of a file; of none, a new one.
    pub(super) async fn of(image: Option<&[u8]>) -> Self {
        Self::tampered(image, |_| {}).await
    }

    /// Opens a copy of a file that was tampered with before.
    pub(super) async fn tampered(image: Option<&[u8]>, tamper: impl FnOnce(&Connection)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        if let Some(image) = image {
            std::fs::write(&path, image).expect("a file");
            tamper(&raw(&path));
        }
        let store = Arc::new(open(&path, &SimClock::new()).await);
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let kernel = kernel(&store, &SimClock::new(), &gate);
        Self { path, store, kernel, _folder: folder }
    }

    /// Opens a connection past the store.
    pub(super) fn raw(&self) -> Connection {
        raw(&self.path)
    }

    /// Verifies a run, and returns its first break.
    pub(super) async fn verdict(&self, tenant: &str, run: &str) -> Option<(BreakKind, u64)> {
        let report = self.kernel.verify(&Tenant::new(tenant), run).await.expect("a verdict");
        report.first_break.map(|found| (found.kind, found.seq.get()))
    }

    /// Exports a run, and returns its first break by the product's verifier of exports and by the
    /// independent one.
    pub(super) async fn by_export(&self, owner: &str, run: &str) -> [Option<(String, u64)>; 2] {
        let file = exported(&self.kernel, &Tenant::new(owner), run).await;
        let product = export::verify(file.split(|byte| *byte == b'\n')).expect("an export");
        let product = product.first_break().map(|(_, found)| (found.kind.to_string(), found.seq.get()));
        let independent = verifier::verify(&file).expect("an export");
        let independent = independent.first_break().map(|(_, (kind, seq))| (kind.to_owned(), seq));
        [product, independent]
    }
}

fn raw(path: &Path) -> Connection {
    let raw = Connection::open(path).expect("a file");
    raw.execute_batch("PRAGMA synchronous = OFF").expect("a setting");
    raw
}

async fn open(path: &Path, clock: &SimClock) -> SqliteStore {
    let options = SqliteStore::options().synchronous(Synchronous::Off).clock(Arc::new(clock.clone()));
    options.open(path).await.expect("a store")
}

fn kernel(store: &Arc<SqliteStore>, clock: &SimClock, gate: &Arc<Semaphore>) -> Kernel {
    let model = ScriptedModel::function(move |request, _| match request.model.as_str() {
        "demo/one" => Ok(ModelAnswer { response_id: Some("answer-1".into()), ..ModelAnswer::text("hello") }),
        _ => Err(ModelError { request_id: Some("request-1".into()), ..ModelError::http(503, "the model is tired") }),
    });
    let mut kernel = Kernel::builder_shared(store.clone()).clock(Arc::new(clock.clone())).model(model);
    for tool in tools(gate) {
        kernel = kernel.shared_tool(tool);
    }
    kernel.build().expect("a kernel")
}

/// Tools that succeed, fail, fail for a while, say too much, do not know, and wait at a gate.
fn tools(gate: &Arc<Semaphore>) -> [Arc<dyn ToolPort>; 9] {
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    let known = |n: u64, _: ToolContext| async move { Ok::<_, ToolError>(n) };
    let unknown = |_: u64, _: ToolContext| async { Err::<u64, _>(ToolError::unknown("the line went dead")) };
    let flaky = |n: u64, cx: ToolContext| async move {
        if cx.attempt < 3 { Err(ToolError::transient(format!("busy {}", cx.attempt))) } else { Ok(n) }
    };
    let second = |n: u64, cx: ToolContext| async move {
        if cx.attempt < 2 { Err(ToolError::unknown("no answer")) } else { Ok(n) }
    };
    let asked = Arc::new(AtomicBool::new(false));
    let again = move |n: u64, _: ToolContext| {
        let known = asked.swap(true, Ordering::SeqCst);
        async move { if known { Ok(n) } else { Err(ToolError::unknown("no answer yet")) } }
    };
    let gate = Arc::clone(gate);
    let waits = move |n: u64, _: ToolContext| {
        let gate = Arc::clone(&gate);
        async move {
            let _open = gate.acquire().await?;
            Ok::<_, ToolError>(n)
        }
    };
    let landed = |n: u64, _: ToolContext| async move { Ok::<_, ToolError>(Some(n)) };
    let not_landed = |_: u64, _: ToolContext| async { Ok::<_, ToolError>(None) };
    let refuses = |_: u64, _: ToolContext| async { Err::<u64, _>(ToolError::permanent("no such account")) };
    let talks = |n: u64, _: ToolContext| async move { Ok::<_, ToolError>("words ".repeat(n as usize)) };
    let effect = |name: &str| tool(name).capability("charge").side_effect();
    [
        Arc::new(tool("look").handler(known)),
        Arc::new(tool("flaky").idempotent(month).attempts(3, Duration::ZERO).handler(flaky)),
        Arc::new(effect("refuses").handler(refuses)),
        Arc::new(effect("talks").max_result(16).handler(talks)),
        Arc::new(effect("landed").handler(unknown).probe(landed)),
        Arc::new(effect("not-landed").handler(second).probe(not_landed)),
        Arc::new(tool("again").idempotent(month).handler(again)),
        Arc::new(effect("lonely").handler(unknown)),
        Arc::new(effect("gate").handler(waits)),
    ]
}

/// Makes the file, and returns its bytes.
pub(super) async fn image() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let (clock, gate) = (SimClock::new(), Arc::new(Semaphore::new(0)));
    let store = Arc::new(open(&path, &clock).await);
    let own = SimClock::new();
    let kernel = kernel(&store, &own, &gate);
    let run = kernel.start_run(&tenant(TENANT), RUN).await.expect("a run");
    let by_hand = run.name().clone();
    driven::enqueue(&*store, &by_hand).await;
    let by = Actor::parse("dora").expect("a name");
    kernel.grant(&tenant(TENANT).capability("refund"), RUN, by).await.expect("a grant");
    every_outcome(&run, &own).await;
    late(&run, &store, &clock, &gate).await;
    words(&run).await;
    let said = driven::said(&*store, &by_hand).await;
    driven::sessions(&*store, &by_hand, said).await;
    driven::workflow(&*store, &by_hand, said).await;
    fill(&run, EVENTS - 4).await;
    driven::park(&*store, &by_hand).await;
    run.cancel("carol", "no longer wanted").await.expect("an end");
    driven::undo(&*store, &by_hand, said).await;
    for (owner, name) in [(TENANT, OTHER), (STRANGER, RUN)] {
        fill(&kernel.start_run(&tenant(owner), name).await.expect("a run"), 9).await;
    }
    kernel.close().await.expect("closes");
    std::fs::read(&path).expect("a file")
}

async fn call(run: &Run, step: &str, tool: &str, args: &str) -> Result<u64, Error> {
    run.step(step).tool_json(tool, args).await.map(|answer| answer.output().as_u64().unwrap_or_default())
}

/// Succeeds, fails, is in doubt, and is resolved in every way there is.
async fn every_outcome(run: &Run, clock: &SimClock) {
    call(run, "patience", "flaky", "11").await.expect("an answer");
    call(run, "refused", "refuses", "12").await.expect_err("a refusal");
    call(run, "talk", "talks", "13").await.expect_err("too much");
    for (step, tool, args) in [("ask", "landed", "14"), ("try", "not-landed", "15"), ("retry", "again", "16")] {
        call(run, step, tool, args).await.expect_err("a doubt");
        // By then an effect can no longer land.
        clock.advance(LONG);
        run.step(step).reconcile_json(tool, args).await.expect("an answer");
    }
    for (step, resolve) in [
        ("by-hand/1", Resolve::failed("erin", "the bank never saw it")),
        ("by-hand/2", Resolve::succeeded("erin", "17", "it is on the statement")),
    ] {
        call(run, step, "lonely", "17").await.expect_err("a doubt");
        run.resolve(step, resolve).await.expect("a resolution");
    }
}

/// A call whose process counts as dead is given up as unknown; then its outcome comes after all.
async fn late(run: &Run, store: &Arc<SqliteStore>, clock: &SimClock, gate: &Arc<Semaphore>) {
    let elsewhere = kernel(store, &SimClock::new(), gate);
    let same = elsewhere.open_run(&tenant(TENANT), RUN).await.expect("a run");
    let before = same.view().await.expect("a view").head.seq;
    let slow = tokio::spawn(same.step("late").tool_json("gate", "18").into_future());
    run.wait_past(before).await.expect("a request");
    clock.advance(LONG);
    call(run, "late", "gate", "18").await.expect_err("a doubt");
    gate.add_permits(1);
    slow.await.expect("a task").expect("an answer");
}

/// A model answers, does not answer, and answers another ask; the application keeps something; the run is forked,
/// and run and fork each begin an effect that the other may not repeat.
async fn words(run: &Run) {
    let ask = |prompt: &str| run.step("greet").model("demo/one").prompt(prompt).temperature(0.5);
    ask("hello").await.expect("an answer");
    ask("hello there").replay(ReplayPolicy::AllowPromptDrift).await.expect("the same answer");
    run.step("rude").model("demo/none").prompt("hello").all_tools().await.expect_err("no answer");
    run.set_artifact("report", &"a page", 2).await.expect("an artifact");
    run.summary("day", &"a line").await.expect("a summary");
    run.checkpoint("noon", &12).await.expect("a checkpoint");
    run.note("mood", &"fine").await.expect("a note");
    let fork = run.fork_at("greet", FORK, "grace").await.expect("a fork");
    call(run, CLAIMED, "gate", "20").await.expect("an answer");
    // With the same words: the family's vault then holds none that only the fork refers to.
    call(&fork, FORK_CLAIMED, "gate", "20").await.expect("an answer");
}

/// Looks around until the run has so many events.
async fn fill(run: &Run, events: u64) {
    loop {
        let seq = run.view().await.expect("a view").head.seq.get();
        if seq >= events {
            assert_eq!(seq, events);
            return;
        }
        call(run, &format!("look/{seq}"), "look", &seq.to_string()).await.expect("an answer");
    }
}
