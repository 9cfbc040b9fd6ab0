//! Conversations are stored once: a turn costs what it adds, wherever it goes on from, and bounds are kept
//! before anything is written.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use artana_core::{Digest, RunRef, event::ModelRequested, verify::Stored};
use artana_kernel::{Kernel, ModelCall, Run};
use artana_ports::{Append, AppendError, Appended, Message, ModelAnswer, Part, Role, StoreError};
use artana_testkit::{MemoryStore, ScriptedModel};

use crate::{
    asking::{ONE, ask, asked, echo, last_text},
    counted::spent,
    forks::forking,
    passing_store::passing_store,
    world::{code, tenant, world},
};

/// A store that weighs what it is given, as its columns hold it.
#[derive(Debug, Clone)]
struct Scales {
    inner: Arc<MemoryStore>,
    weighed: Arc<Mutex<Weighed>>,
}

#[derive(Debug, Default)]
struct Weighed {
    payload: usize,
    content: BTreeMap<Digest, usize>,
}

passing_store! { Scales;
    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        let appended = self.inner.append(batch.clone()).await?;
        let mut weighed = self.weighed.lock().unwrap();
        weighed.payload += batch.events.iter().map(|event| event.payload.len()).sum::<usize>();
        weighed.content.extend(batch.content.iter().map(|content| (content.digest, content.bytes.len())));
        Ok(appended)
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        self.inner.content(root, digests).await
    }
}

/// A kernel over scales, with a run.
async fn weighing(model: &ScriptedModel) -> (Scales, Run) {
    let scales = Scales { inner: Arc::new(MemoryStore::new()), weighed: Arc::default() };
    let kernel = Kernel::builder(scales.clone()).model(model.clone()).build().unwrap();
    let run = kernel.run(&tenant(), "r").await.unwrap();
    (scales, run)
}

impl Scales {
    /// Returns the bytes of payloads and of distinct content.
    fn bytes(&self) -> usize {
        let weighed = self.weighed.lock().unwrap();
        weighed.payload + weighed.content.values().sum::<usize>()
    }
}

/// Text that is found nowhere else.
fn words(what: &str, bytes: usize) -> String {
    let mut words = String::with_capacity(bytes);
    for n in 0.. {
        if words.len() >= bytes {
            break;
        }
        words.push_str(&format!("{what}{n} "));
    }
    words
}

#[tokio::test]
async fn a_hundred_turns_cost_their_unique_bytes_and_little_more() {
    const HALF: usize = 4096;
    let model = ScriptedModel::function(|request, _| {
        let turn = request.messages.len() / 2;
        Ok(ModelAnswer::text(words(&format!("answer{turn}."), HALF)))
    });
    let (scales, run) = weighing(&model).await;
    let start = scales.bytes();
    let mut conversation: Vec<Message> = Vec::new();
    let (mut unique, mut naive) = (0, 0);
    let weight = |message: &Message| match &message.parts[0] {
        Part::Text(text) => text.len(),
        _ => 0,
    };
    for turn in 0..100 {
        conversation.push(Message::user(words(&format!("question{turn}."), HALF)));
        let sent: usize = conversation.iter().map(weight).sum();
        let reply = run.step(format!("turn{turn}")).model(ONE).messages(conversation.clone()).await.unwrap();
        let answer = weight(&reply.message());
        unique += weight(conversation.last().unwrap()) + answer;
        naive += sent + answer;
        conversation.push(reply.message());
    }
    let stored = scales.bytes() - start;
    println!(
        "100 turns: {unique} unique bytes, {stored} stored ({:.3} x), {naive} if each turn held its whole conversation ({:.1} x)",
        stored as f64 / unique as f64,
        naive as f64 / unique as f64
    );
    assert!(unique >= 800_000, "{unique}");
    assert!(stored * 10 <= unique * 13, "{stored} bytes for {unique}");
    assert!(naive > unique * 40);
    let calls = run.model_calls().await.unwrap();
    assert_eq!(calls[99].asked.messages[..], conversation[..199]);
}

/// The messages that each request adds, and how many it keeps.
fn added(requests: &[ModelRequested]) -> Vec<(u32, usize)> {
    requests.iter().map(|asked| (asked.extends.map_or(0, |extends| extends.keep), asked.messages.len())).collect()
}

fn said(texts: &[&str]) -> Vec<Message> {
    let role = |at: usize| if at.is_multiple_of(2) { Role::User } else { Role::Assistant };
    texts.iter().enumerate().map(|(at, text)| Message::new(role(at), [Part::Text((*text).into())])).collect()
}

fn saying(run: &Run, step: &str, texts: &[&str]) -> ModelCall {
    run.step(step).model(ONE).messages(said(texts))
}

#[tokio::test]
async fn a_conversation_goes_on_from_the_longest_beginning_that_is_recorded() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    let asks: [&[&str]; 9] = [
        &["a", "b", "c"],
        &["a", "b", "c", "d", "e"],
        &["a", "b", "x", "d", "e"],
        &["a", "b", "x", "d", "e", "f", "g"],
        &["y", "b", "c"],
        &["a", "b", "c"],
        &["a"],
        &["a", "b", "x", "d", "z"],
        &["b", "c"],
    ];
    for (n, texts) in asks.iter().enumerate() {
        saying(&run, &format!("s{n}"), texts).await.unwrap();
    }
    let requests = world.requests(&run).await;
    let expected = [(0, 3), (3, 2), (2, 3), (5, 2), (0, 3), (3, 0), (1, 0), (4, 1), (0, 2)];
    assert_eq!(added(&requests), expected);
    for process in [&process, &world.asking(&model)] {
        let calls = process.run("r").await.model_calls().await.unwrap();
        for (call, texts) in calls.iter().zip(asks) {
            assert_eq!(call.asked.messages, said(texts));
        }
    }
    let reopened = world.asking(&model).run("r").await;
    saying(&reopened, "later", &["a", "b", "x", "d", "e", "f", "h"]).await.unwrap();
    assert_eq!(added(&world.requests(&run).await).last(), Some(&(6, 1)));
    for (n, texts) in asks.iter().enumerate() {
        assert!(saying(&reopened, &format!("s{n}"), texts).await.unwrap().is_replayed());
    }
    world.verify(&run).await;
}

/// Steps that leave in one append go on from what was recorded before it.
#[tokio::test]
async fn turns_that_are_asked_at_once_go_on_from_what_was_recorded() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    saying(&run, "first", &["a", "b"]).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32 {
        let text = format!("t{n}");
        let call = saying(&run, &format!("s{n}"), &["a", "b", &text]).into_future();
        tasks.spawn(call);
        tasks.spawn(saying(&run, &format!("u{n}"), &["a", "b", "same", &text]).into_future());
    }
    tasks.join_all().await.into_iter().for_each(|reply| drop(reply.unwrap()));
    assert!(added(&world.requests(&run).await)[1..].iter().all(|(kept, _)| *kept >= 2));
    world.verify(&run).await;
    assert_eq!(world.asking(&model).run("r").await.model_calls().await.unwrap().len(), 65);
}

#[tokio::test]
async fn a_fork_goes_on_from_its_parents_conversation() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    saying(&run, "one", &["a", "b", "c"]).await.unwrap();
    ask(&run, "draft", "write").await.unwrap();
    saying(&run, "after", &["a", "b", "c", "p", "q"]).await.unwrap();
    let child = forking(&run, "draft", "write better").await.unwrap().run().clone();
    saying(&child, "two", &["a", "b", "c", "d", "e"]).await.unwrap();
    saying(&child, "three", &["a", "b", "c", "p", "q"]).await.unwrap();
    assert_eq!(added(&world.requests(&child).await)[1..], [(3, 2), (3, 2)], "what came after the cut is not shared");
    let reopened = world.asking(&model).kernel.open_run(&tenant(), child.id()).await.unwrap();
    for child in [&child, &reopened] {
        let calls = child.model_calls().await.unwrap();
        assert_eq!(calls[1].asked.messages, said(&["a", "b", "c", "d", "e"]));
        assert!(saying(child, "two", &["a", "b", "c", "d", "e"]).await.unwrap().is_replayed());
        let drifted = saying(child, "two", &["a", "b", "c", "d", "f"]).await.unwrap_err();
        assert!(drifted.to_string().contains("messages at /4/parts/0/text"), "{drifted}");
    }
    let grandchild = forking(&child, "two", "something else").await.unwrap().run().clone();
    saying(&grandchild, "four", &["a", "b", "c", "z"]).await.unwrap();
    assert_eq!(added(&world.requests(&grandchild).await).last(), Some(&(3, 1)));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_written() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    ask(&run, "warm", "up").await.unwrap();
    let megabytes = 1024 * 1024;
    let many: Vec<Message> = (0..500).map(|n| Message::user(n.to_string())).collect();
    let parts = Message::new(Role::User, (0..600).map(|n| Part::Text(n.to_string())));
    let large = |count: usize, bytes: usize| (0..count).map(move |n| Message::user(words(&format!("m{n}."), bytes)));
    let asks: [(&str, Vec<Message>); 4] = [
        ("messages", many.clone()),
        ("parts", vec![parts]),
        ("one text", large(1, 16 * megabytes + 1).collect()),
        ("texts", large(3, 11 * megabytes).collect()),
    ];
    for (what, messages) in asks {
        let counts = spent(&world, async {
            assert_eq!(code(run.step("a").model(ONE).messages(messages).await), "artana::too_large", "{what}");
        });
        assert_eq!((counts.await.events, model.calls()), (0, 1), "{what}");
    }
    assert_eq!(ask(&run, "a", "small").await.unwrap().output(), "re: small", "the step stays free");
    for end in [200, 400, 500] {
        let reply = run.step(format!("up to {end}")).model(ONE).messages(many[..end].to_vec()).await.unwrap();
        assert_eq!(reply.output(), &format!("re: {}", end - 1), "longer ones come in steps");
    }
    world.verify(&run).await;
}

#[tokio::test]
async fn messages_and_items_at_the_bounds_are_sent_whole() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    let megabytes = 1024 * 1024;
    let mut text = words("a.", 16 * megabytes);
    text.truncate(16 * megabytes);
    let reply = run.step("a").model(ONE).prompt(text.clone()).message(Message::user("and?")).await.unwrap();
    assert!(reply.output() == "re: and?");
    assert!(
        last_text(&artana_ports::ModelRequest {
            messages: vec![model.asked()[0].messages[0].clone()],
            ..model.asked()[0].clone()
        }) == text
    );
    assert!(run.step("a").model(ONE).prompt(text).message(Message::user("and?")).await.unwrap().is_replayed());
    asked(&run, "items", "hi").input_items([serde_json::json!(words("i.", 15 * megabytes))]).await.unwrap();
    world.verify(&run).await;
}
