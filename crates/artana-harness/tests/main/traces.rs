//! Trace levels change what is traced, and never what is done or where the run stands.

use std::time::Duration;

use artana_core::{
    ModelId, Usd,
    cost::{Price, PriceTable},
    event::{Body, Traced},
};
use artana_harness::{
    Harness, HarnessContext, HarnessRunner, IncrementalTaskHarness, Progress, Result, TraceLevel, Worked,
};
use artana_testkit::{ScriptedModel, SimClock};

use crate::world::{Migration, bodies, kinds, tenant, world};

const LEVELS: [TraceLevel; 3] = [TraceLevel::Minimal, TraceLevel::Stage, TraceLevel::Verbose];

/// Two stages, the second in two rounds. A child of the first asks a model.
struct Staged(SimClock);

impl Harness for Staged {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        cx.enter_stage("draft", 1).await?;
        let ask = |cx: HarnessContext| async move {
            Ok(cx.step("ask").model("demo/one").prompt("Go on").await?.into_output())
        };
        let _: String = cx.run_child("ask", ask).await?;
        self.0.advance(Duration::from_secs(3));
        cx.trace("mood", &"hopeful").await?;
        for round in 1..=2 {
            cx.enter_stage("review", round).await?;
            self.0.advance(Duration::from_secs(1));
        }
        Worked::finished(&"done")
    }
}

async fn staged(level: TraceLevel) -> (Progress, Vec<Traced>, Vec<&'static str>) {
    let world = world();
    let dollar = Price::per_million(Usd::dollars(1_000_000), Usd::ZERO);
    let prices = PriceTable::new([(ModelId::parse("demo/one").expect("sound"), dollar)]);
    let model = ScriptedModel::text("Something.").usage(2, 0);
    let kernel = world.builder().model(model).prices(prices).build().expect("sound");
    let harness = HarnessRunner::new(&kernel, Staged(world.clock.clone())).trace(level);
    let progress = harness.run(&tenant(), "r").await.expect("sound");
    let run = kernel.open_run(&tenant(), "r").await.expect("sound");
    let traced = bodies(&run).await.into_iter().filter_map(|body| match body {
        Body::Trace(trace) => Some(trace.what),
        _ => None,
    });
    let others = kinds(&run).await.into_iter().filter(|kind| *kind != "trace").collect();
    (progress, traced.collect(), others)
}

#[tokio::test]
async fn the_level_changes_what_is_traced_and_never_the_status() {
    let mut seen = Vec::new();
    for level in LEVELS {
        seen.push(staged(level).await);
    }
    assert_eq!(seen.iter().map(|(_, traced, _)| traced.len()).collect::<Vec<_>>(), [0, 3, 4]);
    for (progress, _, others) in &seen[1..] {
        assert_eq!((progress, others), (&seen[0].0, &seen[0].2));
    }
}

#[tokio::test]
async fn a_stage_is_traced_with_transition_round_cost_and_duration() {
    let (_, traced, _) = staged(TraceLevel::Stage).await;
    let stages: Vec<_> = traced
        .iter()
        .map(|what| match what {
            Traced::Stage { cost, duration_us, from, round, to } => {
                let to = to.as_ref().map_or("", |to| to.as_str());
                (from.as_str(), to, *round, *cost, duration_us / 1_000_000)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let (none, two) = (Usd::ZERO, Usd::dollars(2));
    assert_eq!(stages, [("draft", "review", 1, two, 3), ("review", "review", 1, none, 1), ("review", "", 2, none, 1),]);
}

#[tokio::test]
async fn verbose_traces_each_task_with_its_attempt() {
    let world = world();
    let mut failed = false;
    let work = Migration::default()
        .fate("backup", move |_| if std::mem::replace(&mut failed, true) { Ok(()) } else { crate::world::failing(1) });
    let kernel = world.process();
    let harness = IncrementalTaskHarness::new(&kernel, &work).trace(TraceLevel::Verbose);
    harness.run(&tenant(), "r").await.unwrap_err();
    harness.run(&tenant(), "r").await.unwrap();
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    let traced: Vec<_> = bodies(&run)
        .await
        .into_iter()
        .filter_map(|body| match body {
            Body::Trace(trace) => match trace.what {
                Traced::Task { attempt, done, task, .. } => Some((task.to_string(), attempt, done)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(traced, [("backup".to_owned(), 1, false), ("backup".to_owned(), 2, true)]);
}
