//! Tenants see their own runs and nothing else, and a run gives what it was bound to and no more.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    pin::Pin,
};

use artana_core::{Actor, LabelKey, RunId, Tenant, TenantId, Usd};
use artana_kernel::{CostQuery, Error, ExportOptions, Kernel, tool};
use artana_ports::{Drifted, RunQuery};
use serde_json::{Value, json};

use crate::world::{Amount, Process, World, call, code, tenant, world};

type Call = for<'a> fn(&'a Kernel, &'a Tenant, &'a str) -> Pin<Box<dyn Future<Output = Result<String, Error>> + 'a>>;

/// Every public call that names a run, and what it shows.
const CALLS: &[(&str, Call)] = &[
    ("start_run", |k, t, id| Box::pin(async move { Ok(k.start_run(t, id).await?.name().to_string()) })),
    ("open_run", |k, t, id| Box::pin(async move { Ok(k.open_run(t, id).await?.name().to_string()) })),
    ("run", |k, t, id| Box::pin(async move { Ok(k.run(t, id).await?.name().to_string()) })),
    ("grant", |k, t, id| Box::pin(async move { k.grant(t, id, Actor::parse("ann")?).await.map(|()| String::new()) })),
    ("verify", |k, t, id| Box::pin(async move { Ok(format!("{:?}", k.verify(t, id).await?.first_break)) })),
    ("explain", |k, t, id| Box::pin(async move { Ok(format!("{:?}", k.explain(t, id).await?.broken)) })),
    ("export", |k, t, id| {
        Box::pin(
            async move { Ok(format!("{:?}", k.export(t, id, ExportOptions::default()).await?.next_line().await?)) },
        )
    }),
    ("runs", |k, t, id| {
        Box::pin(async move {
            let mut query = RunQuery::all(t.id()?.clone());
            query.after = Some(RunId::parse(&id[..1])?);
            query.label = Some((LabelKey::parse("team")?, "billing".into()));
            Ok(format!("{:?}", k.runs(&query).await?.items.len()))
        })
    }),
    ("runs", |k, t, id| {
        Box::pin(async move {
            let mut query = RunQuery::all(t.id()?.clone());
            query.parent = Some(RunId::parse(id)?);
            query.drift = Some(Drifted::Yes);
            Ok(format!("{:?}", k.runs(&query).await?.items))
        })
    }),
    ("signal", |k, t, id| Box::pin(async move { k.signal(t, id, ("go", "ann"), &1).await.map(|()| String::new()) })),
    ("workflow", |k, t, id| {
        Box::pin(async move {
            let returned = k.workflow(t, id, |cx| async move { Ok(cx.run().labels().len()) });
            Ok(format!("{:?}", returned.await?))
        })
    }),
    ("workflow_with", |k, t, id| {
        Box::pin(async move {
            let returned = k.workflow_with(t, id, &7, |cx, n: usize| async move { Ok(n + cx.run().labels().len()) });
            Ok(format!("{:?}", returned.await?))
        })
    }),
    ("drive", |k, t, id| Box::pin(async move { Ok(k.drive(t, id).await?.run().name().to_string()) })),
    ("cost", |k, t, id| Box::pin(async move { Ok(format!("{:?}", k.cost(&CostQuery::run(t, id)).await?)) })),
    ("cost", |k, t, id| Box::pin(async move { Ok(format!("{:?}", k.cost(&CostQuery::tree(t, id)).await?)) })),
    ("cost", |k, t, _| Box::pin(async move { Ok(format!("{:?}", k.cost(&CostQuery::tenant(t)).await?)) })),
];

/// Calls as a stranger, in a world where somebody owns `theirs`, and takes the id out of the answer.
async fn as_stranger(call: Call, id: &str) -> Result<String, (&'static str, String)> {
    let world = world();
    let process = world.process();
    let owner = tenant().label("team", "billing").capability("x");
    let theirs = process.kernel.start_run(&owner, "theirs").await.unwrap();
    crate::world::call(&theirs, "a", "mail").await.unwrap();
    theirs.fork_at("a", "fork", "ann").await.unwrap();
    let before = world.events(&theirs).await.len();
    let stranger = Tenant::new("strangers");
    let hide = |text: String| text.replace(id, "ID");
    let answer = match call(&process.kernel, &stranger, id).await {
        Ok(shown) => Ok(hide(shown)),
        Err(error) => Err((error.code(), hide(error.to_string()))),
    };
    assert_eq!(world.events(&theirs).await.len(), before);
    world.verify(&theirs).await;
    answer
}

#[tokio::test]
async fn a_foreign_run_and_one_that_never_was_answer_the_same() {
    for (name, call) in CALLS {
        let foreign = as_stranger(*call, "theirs").await;
        let never = as_stranger(*call, "nobody").await;
        assert_eq!(foreign, never, "{name}");
        if let Err((code, text)) = foreign {
            assert_eq!(code, "artana::run_not_found", "{name}");
            assert!(!text.contains("acme"), "{name}: {text}");
        }
    }
}

/// A public call that names a tenant, itself or in a query, has its row in the matrix.
#[test]
fn every_call_that_names_a_tenant_is_in_the_matrix() {
    let mut found = BTreeSet::new();
    for source in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for declaration in source.split("pub async fn ").skip(1) {
            let head = &declaration[..declaration.find('{').unwrap()];
            if head.contains("&Tenant") || head.contains("Query") {
                let name: String = head.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                found.insert(name);
            }
        }
    }
    let rows: BTreeSet<_> = CALLS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, rows);
}

fn sources(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        if path.is_dir() { sources(&path) } else { vec![std::fs::read_to_string(path).unwrap()] }
    };
    entries.flat_map(read).collect()
}

#[tokio::test]
async fn two_tenants_may_use_the_same_id() {
    let world = world();
    let process = world.process();
    let (acme, other) = (process.run("invoice-1").await, Tenant::new("other"));
    let theirs = process.kernel.start_run(&other, "invoice-1").await.unwrap();
    call(&acme, "a", "mail").await.unwrap();
    assert!(!call(&theirs, "a", "mail").await.unwrap().is_replayed());
    let book = world.provider.book();
    assert_eq!(book.len(), 2);
    assert_ne!(book[0].key, book[1].key);
    assert_eq!(code(process.kernel.start_run(&tenant(), "invoice-1").await), "artana::run_exists");
}

#[tokio::test]
async fn ids_that_are_not_fit_are_refused() {
    let world = world();
    let process = world.process();
    for id in ["", "a\nb", &"x".repeat(257)] {
        assert_eq!(code(process.kernel.start_run(&tenant(), id).await), "artana::invalid_id");
        assert_eq!(code(process.kernel.open_run(&tenant(), id).await), "artana::invalid_id");
        assert_eq!(code(process.kernel.start_run(&Tenant::new(id), "r").await), "artana::invalid_id");
    }
    let made = process.kernel.start_run(&tenant(), None).await.unwrap();
    assert!(process.kernel.open_run(&tenant(), made.id()).await.is_ok());
    assert!(TenantId::parse("a/b").is_ok() == process.kernel.start_run(&Tenant::new("a/b"), "r").await.is_ok());
}

fn paying() -> Tenant {
    tenant().capability("money").budget(Usd::dollars(5))
}

/// A process whose tool `cash` needs the capability `money`.
fn cashier(world: &World) -> Process {
    let cash = world.charger(tool("cash").side_effect().capability("money"));
    world.process_with(|kernel, _| kernel.tool(cash))
}

#[tokio::test]
async fn a_missing_capability_is_refused_before_anything_is_written() {
    let world = world();
    let process = cashier(&world);
    let bound = process.kernel.start_run(&paying(), "r").await.unwrap();
    let unbound = process.run("without").await;
    let lacking = process.kernel.open_run(&tenant(), "r").await.unwrap();
    for run in [&unbound, &lacking] {
        let before = world.counts();
        assert_eq!(code(call(run, "a", "cash").await), "artana::capability_missing");
        assert_eq!(world.counts(), before);
    }
    let first = call(&bound, "a", "cash").await.unwrap();
    assert_eq!(call(&lacking, "a", "cash").await.unwrap().raw(), first.raw(), "a finished step answers");
    assert_eq!(world.effects(), 1);
}

#[tokio::test]
async fn reconciling_needs_the_capability_too() {
    let world = world();
    let process = cashier(&world);
    let bound = process.kernel.start_run(&paying(), "r").await.unwrap();
    world.provider.next_calls([artana_testkit::provider::Manner::LoseReply]);
    assert!(call(&bound, "a", "cash").await.unwrap_err().needs_reconciliation());
    let lacking = process.kernel.open_run(&tenant(), "r").await.unwrap();
    let refused = crate::world::reconcile(&lacking, "a", "cash").await.unwrap_err();
    assert!(["artana::capability_missing", "artana::needs_operator"].contains(&refused.code()), "{refused}");
    assert_eq!(world.provider.calls(), 1);
}

#[tokio::test]
async fn more_than_a_run_was_bound_to_must_be_granted() {
    let world = world();
    let (first, second) = (cashier(&world), cashier(&world));
    let run = first.run("r").await;
    second.run("r").await;
    for asks in [tenant().capability("money"), paying()] {
        assert_eq!(code(first.kernel.open_run(&asks, "r").await), "artana::exceeds_bound");
        assert_eq!(code(first.kernel.run(&asks, "r").await), "artana::exceeds_bound");
    }
    first.kernel.grant(&paying(), "r", Actor::parse("ann").unwrap()).await.unwrap();
    assert_eq!(world.kinds(&run).await, ["grant_given"]);
    for process in [&first, &second] {
        let granted = process.kernel.open_run(&paying(), "r").await.unwrap();
        assert!(call(&granted, "a", "cash").await.is_ok());
    }
    let richer = paying().budget(Usd::dollars(6));
    assert_eq!(code(first.kernel.open_run(&richer, "r").await), "artana::exceeds_bound");
    run.finish().await.unwrap();
    assert_eq!(code(first.kernel.grant(&richer, "r", Actor::parse("ann").unwrap()).await), "artana::ended");
    assert_eq!(world.effects(), 1);
    world.verify(&run).await;
}

#[tokio::test]
async fn unsound_tools_do_not_build() {
    let world = world();
    let answer = |_: Amount, _| async { Ok::<Value, artana_ports::ToolError>(json!(1)) };
    let twice = Kernel::builder(world.store.clone())
        .tool(tool("a").handler(answer))
        .tool(tool("a").timeout(std::time::Duration::ZERO).attempts(0, std::time::Duration::ZERO).handler(answer))
        .time_to_live(std::time::Duration::ZERO);
    let refused = twice.build().unwrap_err();
    assert_eq!((refused.code(), refused.problems.len()), ("artana::build", 4));
    assert!(tool("a\nb").try_handler(answer).is_err());
}
