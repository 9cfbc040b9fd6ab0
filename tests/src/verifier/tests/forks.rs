//! The independent verifier and the product's own agree on forks of forks that hold what models were asked and said.

use artana_core::{
    ContentRef, ContentType, Draft, Event, EventId, Genesis, Head, IncarnationId, ModelId, ParentLink, RunId, Seq,
    Stamp, StepKey, Timestamp,
    conversation::{EMPTY_ROOT, Message, Part, PartType, Role, turn_root},
    event::{
        Answer, Body, Extends, FinishReason, ForkCause, ModelOutcome, ModelRequested, ModelTerminal, RunForked, Usage,
    },
    export::{ContentLine, Kept, KeyLine, Line},
    seal,
};

use super::{agreed, key, lines, root, run, verify};

/// A run that grows event by event; ids are counted on over the whole family.
struct Growing {
    genesis: Genesis,
    events: Vec<Event>,
}

impl Growing {
    fn start(genesis: Genesis) -> Self {
        let events = run(&genesis, &[]);
        Self { genesis, events }
    }

    fn fork(&self, name: &str, cut: usize) -> Self {
        let Head { seq, hash } = self.events[cut - 1].head();
        let parent = Some(ParentLink { hash, run: self.genesis.run.run.clone(), seq });
        let run = artana_core::RunRef::new(self.genesis.run.tenant.clone(), RunId::parse(name).expect("fit"));
        Self::start(Genesis { run, parent, ..self.genesis.clone() })
    }

    fn push(&mut self, step: &str, body: impl Into<Body>) -> EventId {
        let head = self.events[self.events.len() - 1].head();
        let name = self.genesis.run.run.as_str().len() as u8;
        let number = head.seq.next().get();
        let stamp = Stamp { id: EventId::v7(number, [name; 10]), at: Timestamp::from_micros(number.cast_signed()) };
        let draft = Draft::new(StepKey::parse(step).ok(), body).expect("small");
        self.events.push(seal(&self.genesis.run, &head, draft, stamp));
        stamp.id
    }

    /// Asks for one more message after those of an earlier request, and gets an answer.
    fn ask(&mut self, step: &str, before: &[&str], (extends, said): (Option<EventId>, &str)) -> EventId {
        let kept: Vec<Message> = before.iter().map(|text| message(Role::User, text)).collect();
        let added = message(Role::User, said);
        let asked_root =
            kept.iter().chain([&added]).fold(EMPTY_ROOT, |root, message| turn_root(&root, &message.digest()));
        let request = self.push(
            step,
            ModelRequested {
                asked_root,
                correction: Vec::new(),
                cycle: 1,
                extends: extends.map(|request| Extends { keep: before.len() as u32, request: request.into() }),
                incarnation: IncarnationId::from_bytes([1; 16]),
                input_items: None,
                messages: vec![added],
                model: ModelId::parse("provider/model").expect("fit"),
                options: Default::default(),
                ordinal: None,
                output_schema: None,
                timeout_us: 1,
                tools: None,
                visibility: None,
            },
        );
        let answer = Answer {
            cost: None,
            finish: FinishReason::Stop,
            items: None,
            message: message(Role::Assistant, ANSWER),
            mode: Default::default(),
            response_id: None,
            usage: Usage::default(),
        };
        let outcome = ModelOutcome::Completed(answer);
        self.push(step, ModelTerminal { elapsed_us: 1, outcome, request: request.into() });
        request
    }
}

const ANSWER: &str = "naïve 😀";

fn message(role: Role, text: &str) -> Message {
    let content = ContentRef { digest: key().digest(text.as_bytes()), len: text.len() as u64, kind: ContentType::Text };
    Message { parts: vec![Part { call_id: None, content, name: None, kind: PartType::Text }], role }
}

/// A root, a fork of it, a fork of that, and the words of all of them.
fn export() -> Vec<String> {
    let mut first = Growing::start(root());
    let asked = first.ask("one", &[], (None, "a"));
    let mut second = first.fork("fork", 3);
    let because = ForkCause::Wanted { by: artana_core::Actor::parse("ops").expect("fit") };
    first.push("two", RunForked { because, cut: Seq::new(3), fork: second.genesis.run.run.clone() });
    let longer = second.ask("two", &["a"], (Some(asked), "b"));
    let mut third = second.fork("fork of fork", 3);
    third.ask("three", &["a", "b"], (Some(longer), "c"));
    let (tenant, root) = (first.genesis.run.tenant.clone(), first.genesis.run.run.clone());
    let mut all = lines(&first.genesis, &first.events[..3], false);
    all.extend(lines(&second.genesis, &second.events, false));
    all.extend(lines(&third.genesis, &third.events, true));
    all.push(Line::Key(KeyLine { tenant: tenant.clone(), root: root.clone(), key: Kept::There(key()) }));
    all.extend(["a", "b", "c", ANSWER].map(|words| {
        let (digest, bytes) = (key().digest(words.as_bytes()), words.as_bytes().to_vec());
        let (tenant, root) = (tenant.clone(), root.clone());
        Line::Content(ContentLine { tenant, root, digest, len: bytes.len() as u64, bytes: Kept::There(bytes) })
    }));
    all.iter().map(Line::to_json).collect()
}

/// Lines: 0 root, 1–3 its events, 4 fork, 5–7, 8 fork of the fork, 9–11, 12 key, 13–16 content.
#[test]
fn a_fork_of_a_fork_is_whole() {
    let lines = export();
    assert_eq!(agreed(&lines), Ok(None));
    let found = verify(lines.join("\n").as_bytes()).expect("an export");
    assert_eq!((found.runs.iter().map(|run| run.events).collect::<Vec<_>>(), found.content), (vec![3, 3, 3], 4));
}

fn check(change: impl FnOnce(&mut Vec<String>), run: &str, kind: &str, seq: u64) {
    let mut lines = export();
    change(&mut lines);
    assert_eq!(agreed(&lines), Ok(Some((run.into(), kind.into(), seq))));
}

#[test]
fn broken_lineages_are_named_alike() {
    let step = |l: &mut Vec<String>, at: usize| l[at] = l[at].replace("\"step\":\"", "\"step\":\"x");
    check(|l| step(l, 3), "run|1", "HashMismatch", 3);
    check(|l| step(l, 6), "fork", "HashMismatch", 2);
    check(|l| step(l, 11), "fork of fork", "HashMismatch", 3);
    check(|l| drop(l.remove(3)), "fork", "GenesisMismatch", 1);
    check(|l| drop(l.remove(7)), "fork of fork", "GenesisMismatch", 1);
    check(|l| drop(l.drain(4..8)), "fork of fork", "GenesisMismatch", 1);
    check(|l| drop(l.drain(0..4)), "fork", "GenesisMismatch", 1);
    check(|l| drop(l.drain(8..)), "fork", "HeadMismatch", 3);
    check(|l| drop(l.remove(5)), "fork", "Gap", 1);
    check(|l| drop(l.remove(13)), "run|1", "ContentMissing", 2);
    check(|l| drop(l.remove(14)), "fork", "ContentMissing", 2);
    check(|l| drop(l.remove(15)), "fork of fork", "ContentMissing", 2);
}

/// Whatever line is left out, repeated or moved, both say the same, and neither calls it whole.
#[test]
fn lines_out_of_place_are_judged_alike() {
    const KEY: usize = 12;
    let whole = export();
    let judge = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = whole.clone();
        change(&mut lines);
        agreed(&lines)
    };
    for at in 0..whole.len() {
        let found = judge(&|lines| drop(lines.remove(at)));
        // Without its key nothing says that content is not what it was.
        assert_eq!(found == Ok(None), at == KEY, "without line {at}: {found:?}");
        let found = judge(&|lines| lines.insert(at, lines[at].clone()));
        assert!(found != Ok(None) || at > KEY, "line {at} twice: {found:?}");
        if at + 1 < whole.len() {
            let found = judge(&|lines| lines.swap(at, at + 1));
            assert!(found != Ok(None) || at > KEY, "line {at} after the next: {found:?}");
        }
    }
}

/// A chain that fits together from a first event whose genesis is written as a list.
#[test]
fn a_genesis_that_is_no_object_is_named_alike() {
    let genesis = root();
    let payload = format!(r#"{{"genesis":["{}",null,"run|1"],"tenant_key_id":"{}"}}"#, genesis.key_id, "09".repeat(32));
    let head = Head { seq: Seq::ZERO, hash: genesis.hash() };
    let draft = Draft::raw("run_started", None, payload.into()).expect("small");
    let stamp = Stamp { id: EventId::v7(1, [3; 10]), at: Timestamp::default() };
    let forged = seal(&genesis.run, &head, draft, stamp);
    let lines: Vec<String> = lines(&genesis, &[forged], true).iter().map(Line::to_json).collect();
    assert_eq!(agreed(&lines), Ok(Some(("run|1".into(), "GenesisMismatch".into(), 1))));
}
