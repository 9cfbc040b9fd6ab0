//! Steps of a workflow: performed once, answered from the ledger ever after.

use artana_kernel::{WorkflowContext, WorkflowOutcome};

use super::{Ran, done};
use crate::world::{FIVE, code, tenant, world};

#[tokio::test]
async fn plain_code_and_tools_run_once_and_a_finished_workflow_answers_without_executing() {
    let world = world();
    let (computed, code) = (Ran::default(), Ran::default());
    for life in 1..=3 {
        let process = world.process();
        let (counted, coded) = (computed.clone(), code.clone());
        let sum = process
            .workflow(|cx| async move {
                coded.once();
                let two = cx
                    .step("two")
                    .compute(move || async move {
                        counted.once();
                        Ok(2_u64)
                    })
                    .await?;
                let receipt = cx.step("pay").tool_json("pay", FIVE).await?;
                Ok(format!("{two} {}", receipt.output()["charge"].as_str().unwrap_or_default()))
            })
            .await;
        assert_eq!(done(sum), "2 ch_1");
        assert_eq!((computed.times(), code.times(), world.effects()), (1, 1, 1), "life {life}");
    }
    let process = world.process();
    world.verify(&process.run("r").await).await;
}

#[tokio::test]
async fn one_plain_step_is_one_append() {
    let mut appends = Vec::new();
    for steps in [0, 10] {
        let world = world();
        let process = world.process();
        let left = process.workflow(move |cx| async move {
            for n in 0..steps {
                cx.step(format!("step {n}")).compute(move || async move { Ok(n) }).await?;
            }
            Ok(cx.signal::<()>("go on").await?)
        });
        assert!(matches!(left.await, Ok(WorkflowOutcome::Waiting(_))));
        appends.push(world.store.counts().appends);
    }
    // Without a step: the start, and the wait, which takes the lease and gives it back.
    assert_eq!(appends, [2, 12]);
}

/// It is given to the code in every life, and the ledger shows it.
#[tokio::test]
async fn a_workflows_input_is_recorded_and_cannot_be_another_one_later() {
    let world = world();
    let order = async |input: (String, u64)| {
        let code = |cx: WorkflowContext, (item, cents): (String, u64)| async move {
            let paid = cx.step("pay").compute(move || async move { Ok(cents) }).await?;
            Ok(format!("{item}: {paid}"))
        };
        world.process().kernel.workflow_with(&tenant(), "r", &input, code).await
    };
    assert_eq!(done(order(("a book".into(), 500)).await), "a book: 500");
    assert_eq!(done(order(("a book".into(), 500)).await), "a book: 500");
    let other = order(("a book".into(), 900)).await;
    assert_eq!(code(other), "artana::invalid_value");

    let run = world.process().kernel.open_run(&tenant(), "r").await.unwrap();
    let recorded = run.latest(|state| state.started().workflow.as_ref().and_then(|workflow| workflow.input)).await;
    let input = run.content(&recorded.unwrap().unwrap()).await.unwrap();
    assert_eq!(input.as_deref(), Some(br#"["a book",500]"#.as_slice()));
}

/// A run that an older program began without one is not given one later.
#[tokio::test]
async fn a_workflow_that_began_without_an_input_takes_none() {
    let world = world();
    let process = world.process();
    done(process.workflow(|_| async { Ok(()) }).await);
    let given = process.kernel.workflow_with(&tenant(), "r", &7, |_, n: u64| async move { Ok(n) }).await;
    assert_eq!(code(given), "artana::invalid_value");
}
