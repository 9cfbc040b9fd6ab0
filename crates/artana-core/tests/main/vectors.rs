//! The published vectors: every construction of the format gives the bytes an independent implementation gave.

use artana_core::{
    ContentRef, ContentType, Digest, Draft, EventId, Frame, Genesis, Head, ModelId, ParentLink, RunId, RunKey, Seq,
    Stamp, TenantKey, Timestamp, ToolName, Usd,
    ask::Fingerprint,
    conversation::*,
    cost::{Price, PriceTable},
    decide::fork_id,
    effect_key,
    event::{AskedOptions, Usage},
    json, seal, tag,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::support::{named, step};

pub(crate) const FILE: &[u8] = include_bytes!("../vectors.json");

fn vectors() -> Value {
    json::parse(FILE).expect("the vectors are JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).expect("hex")).expect("a digit");
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn key(value: &Value) -> [u8; 32] {
    *Digest::from_hex(text(value)).expect("hex").as_bytes()
}

fn root(vectors: &Value) -> Genesis {
    let genesis = &vectors["genesis"];
    assert_eq!(genesis["run"], genesis["root"]);
    Genesis::root(
        named(text(&genesis["tenant"]), text(&genesis["run"])),
        RunKey::from_bytes(key(&vectors["run_key"])).id(),
    )
}

#[test]
fn frames() {
    let frame = &vectors()["frame"];
    let fields = [(tag::PREV_HASH, [0; 32]), (tag::BODY, [0xff; 32])];
    let built = fields.iter().fold(Frame::new("artana/1 link"), |frame, (tag, bytes)| frame.field(*tag, bytes));
    assert_eq!(built.as_bytes(), bytes(text(&frame["hex"])));
}

#[test]
fn keys() {
    let vectors = vectors();
    assert_eq!(RunKey::from_bytes(key(&vectors["run_key"])).id().to_string(), text(&vectors["key_id"]));
    let tenant = TenantKey::from_bytes(key(&vectors["tenant_key"]));
    assert_eq!(tenant.id().to_string(), text(&vectors["tenant_key_id"]));
}

#[test]
fn content() {
    let vectors = vectors();
    let digester = RunKey::from_bytes(key(&vectors["run_key"])).digester();
    let pieces = vectors["content"].as_array().expect("a list");
    assert!(!pieces.is_empty());
    for piece in pieces {
        assert_eq!(digester.digest(&bytes(text(&piece["bytes_hex"]))).to_string(), text(&piece["digest"]));
    }
}

#[test]
fn geneses() {
    let vectors = vectors();
    let root = root(&vectors);
    assert_eq!(root.hash().to_string(), text(&vectors["genesis"]["hash"]));
    let fork = &vectors["genesis_of_fork"];
    let parent: ParentLink = serde_json::from_value(fork["parent"].clone()).expect("a parent link");
    let run = named(text(&fork["tenant"]), text(&fork["run"]));
    let root_run = RunId::parse(text(&fork["root"])).expect("fit");
    let genesis = Genesis { run, root: root_run, parent: Some(parent), key_id: root.key_id };
    assert_eq!(genesis.hash().to_string(), text(&fork["hash"]));
}

#[test]
fn events() {
    let vectors = vectors();
    let root = root(&vectors);
    let mut head = Head { seq: Seq::ZERO, hash: root.hash() };
    for event in vectors["events"].as_array().expect("a list") {
        let step = event["step"].as_str().map(step);
        let draft = Draft::raw(text(&event["kind"]), step, text(&event["payload"]).into()).expect("small");
        let id = EventId::parse(text(&event["event_id"])).expect("a UUID");
        let at = Timestamp::from_micros(event["at"].as_i64().expect("microseconds"));
        let sealed = seal(&root.run, &head, draft, Stamp { id, at });
        assert_eq!(sealed.seq().get(), event["seq"].as_u64().expect("a number"));
        assert_eq!(sealed.record().prev_hash.to_string(), text(&event["prev_hash"]));
        assert_eq!(sealed.record().hash.to_string(), text(&event["hash"]));
        let link = Frame::new("artana/1 link").field(tag::PREV_HASH, head.hash.as_bytes());
        assert_eq!(link.field(tag::BODY, &key(&event["body"])).hash(), *sealed.record().hash.as_bytes());
        head = sealed.head();
    }
    assert_eq!(head.seq, Seq::new(2));
}

#[test]
fn idempotency_keys() {
    let vector = &vectors()["idempotency_key"];
    let run = named(text(&vector["tenant"]), text(&vector["run"]));
    let tool = ToolName::parse(text(&vector["tool"])).expect("fit");
    assert_eq!(effect_key(&run, &step(text(&vector["step"])), &tool).to_string(), text(&vector["hex"]));
}

#[test]
fn conversations() {
    let vector = vectors()["conversation"].take();
    let messages: Vec<Message> = serde_json::from_value(vector["messages"].clone()).expect("messages");
    let mut roots = vec![EMPTY_ROOT];
    for (message, digest) in messages.iter().zip(vector["digests"].as_array().expect("a list")) {
        assert_eq!(message.digest().to_string(), text(digest));
        roots.push(turn_root(&roots[roots.len() - 1], &message.digest()));
    }
    let expected: Vec<Digest> = serde_json::from_value(vector["roots"].clone()).expect("digests");
    assert_eq!((roots.len(), roots), (3, expected));
    assert_eq!(serde_json::to_value(&messages).expect("plain values"), vector["messages"]);
}

fn maybe<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).expect("absent, or spelt as the format has it")
}

fn content_of(value: &Value) -> Option<ContentRef> {
    maybe(value).map(|digest| ContentRef { digest, len: 0, kind: ContentType::Json })
}

#[test]
fn asks() {
    let vectors = vectors();
    let asks = vectors["asks"].as_array().expect("a list");
    assert_eq!(asks.len(), 4);
    for ask in asks {
        let options = AskedOptions {
            api_mode: maybe(&ask["api_mode"]).expect("a mode"),
            previous_response_id: content_of(&ask["previous_response_id"]),
            reasoning_effort: maybe(&ask["reasoning_effort"]),
            sampling: content_of(&ask["sampling"]),
            verbosity: maybe(&ask["verbosity"]),
        };
        let fingerprint = Fingerprint {
            model: ModelId::parse(text(&ask["model"])).expect("fit"),
            asked_root: maybe(&ask["asked_root"]).expect("a root"),
            input_items: maybe(&ask["input_items"]),
            options,
            tools: maybe(&ask["tools"]),
            output_schema: maybe(&ask["output_schema"]),
        };
        assert_eq!(fingerprint.digest().to_string(), text(&ask["digest"]));
    }
}

#[test]
fn forks() {
    let vectors = vectors();
    let forks = vectors["forks"].as_array().expect("a list");
    assert_eq!(forks.len(), 4);
    for fork in forks {
        let parent = named(text(&fork["tenant"]), text(&fork["run"]));
        let found = fork_id(&parent, &step(text(&fork["step"])), &maybe(&fork["asked"]).expect("a digest"));
        assert_eq!(found.as_str(), text(&fork["fork"]));
    }
}

#[test]
fn price_tables() {
    let vector = vectors()["price_table"].take();
    let prices: std::collections::BTreeMap<ModelId, Price> =
        serde_json::from_value(vector["prices"].clone()).expect("prices");
    let table = PriceTable::new(prices);
    let model = ModelId::parse("provider/model").expect("fit");
    let usage = Usage { cached: 1, input: 3, output: 1, reasoning: 0 };
    let cost = table.cost(&model, &usage).expect("a price");
    assert_eq!((cost.nanos, cost.table.to_string().as_str()), (Usd::nanos(16_250), text(&vector["digest"])));
}

#[test]
fn a_content_reference_is_read_as_it_stands_in_the_vectors() {
    let vectors = vectors();
    let payload = json::parse(text(&vectors["events"][1]["payload"]).as_bytes()).expect("JSON");
    let found: Vec<ContentRef> = artana_core::content::references(&payload).expect("references");
    assert_eq!(found.iter().map(|found| found.len).collect::<Vec<_>>(), [15]);
}

#[test]
fn the_published_file_is_this_file() {
    let published = include_bytes!("../../../../docs/vectors.json");
    assert!(published.as_slice() == FILE, "docs/vectors.json differs from crates/artana-core/tests/vectors.json");
}
