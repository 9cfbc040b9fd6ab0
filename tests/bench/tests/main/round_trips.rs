//! How many round trips a step makes, from the kernel to the server: counted on the wire, where nothing can be left
//! out. What a benchmark measures as time is this and the disk.

#[expect(dead_code, reason = "the store's own tests also cut and hold what passes")]
#[path = "../../../../crates/artana-store-postgres/tests/main/proxy.rs"]
mod proxy;

use std::{sync::Arc, time::Duration};

use artana_core::Tenant;
use artana_kernel::{ClosureTool, Kernel, Run, WorkflowContext, tool};
use artana_ports::{ToolContext, ToolError};
use artana_testkit::{ScriptedModel, postgres::Database};

use proxy::{Proxy, socket};

/// Steps before the counted ones: with them every statement is known to the server.
const WARM: usize = 3;
/// Counted steps of each kind.
const COUNTED: usize = 20;
/// No heartbeat falls due while steps are counted.
const LONG: Duration = Duration::from_secs(300);

/// A kernel on one connection to a server, and what counts on that.
async fn counting() -> Option<(Kernel, Arc<Proxy>, Database)> {
    let database = Database::fresh()?;
    let proxy = Proxy::before(&socket(&database)?).await;
    let store = proxy.options(&database).pool(1..=1).await.expect("a store");
    let model = ScriptedModel::text("an answer");
    let kernel =
        Kernel::builder(store).model(model).tool(charge()).tool(look()).time_to_live(LONG).build().expect("a kernel");
    Some((kernel, Arc::new(proxy), database))
}

fn charge() -> ClosureTool<usize, usize> {
    tool("charge").side_effect().handler(|n: usize, _cx: ToolContext| async move { Ok::<_, ToolError>(n) })
}

fn look() -> ClosureTool<usize, usize> {
    tool("look").handler(|n: usize, _cx: ToolContext| async move { Ok::<_, ToolError>(n) })
}

/// Makes steps, and says how many round trips each of those made that are counted.
async fn counted(proxy: &Proxy, mut step: impl AsyncFnMut(usize)) -> Vec<usize> {
    let mut trips = Vec::new();
    for n in 0..WARM + COUNTED {
        proxy.count();
        step(n).await;
        trips.push(proxy.round_trips());
    }
    trips.split_off(WARM)
}

async fn call(run: &Run, kind: &str, n: usize, tool: &ClosureTool<usize, usize>) {
    run.step(format!("{kind}-{n}")).tool(tool, &n).await.expect("a step");
}

#[tokio::test]
async fn a_side_effect_makes_two_round_trips_and_what_only_reads_makes_one() {
    let Some((kernel, proxy, _database)) = counting().await else { return };
    let run = kernel.run(&Tenant::new("t"), "r").await.expect("a run");
    let (charge, look) = (charge(), look());
    let effects = counted(&proxy, async |n| call(&run, "charge", n, &charge).await).await;
    assert_eq!(effects, [2; COUNTED], "the request before the effect, and the outcome after it");
    let reads = counted(&proxy, async |n| call(&run, "look", n, &look).await).await;
    assert_eq!(reads, [1; COUNTED], "request and outcome leave together");
    let answered = counted(&proxy, async |n| call(&run, "charge", n, &charge).await).await;
    assert_eq!(
        answered, [1; COUNTED],
        "a recorded step is answered from the ledger as it is known, and its words are read"
    );
    let asked = counted(&proxy, async |n| {
        run.step(format!("ask-{n}")).model("demo/one").prompt("What?").await.expect("a step");
    });
    assert_eq!(asked.await, [2; COUNTED], "the question before it leaves, and the answer");
    kernel.close().await.expect("an end");
}

#[tokio::test]
async fn a_closure_of_a_workflow_makes_one_round_trip() {
    let Some((kernel, proxy, _database)) = counting().await else { return };
    let code = |cx: WorkflowContext| {
        let proxy = Arc::clone(&proxy);
        async move {
            let mut trips = Vec::new();
            for n in 0..WARM + COUNTED {
                proxy.count();
                cx.step(format!("sum-{n}")).compute(move || async move { Ok(n + 1) }).await?;
                trips.push(proxy.round_trips());
            }
            Ok(trips.split_off(WARM))
        }
    };
    let counted = kernel.workflow(&Tenant::new("t"), "w", code).await.expect("a workflow");
    let counted = counted.completed().expect("it waits for nothing");
    assert_eq!(counted, [1; COUNTED], "what it was asked and what came of it leave together");
    kernel.close().await.expect("an end");
}
