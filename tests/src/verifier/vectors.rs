//! The published vectors fit the page: each is computed here again, from the page alone.

use serde_json::Value;

use super::frame::{Frame, hex};

#[test]
fn the_published_vectors_fit_the_page() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../docs/vectors.json")).expect("the vectors are JSON");
    let text = |value: &Value| value.as_str().map(String::from).expect("text");
    let run_key: [u8; 32] = hex(&text(&vectors["run_key"])).expect("hex");
    let id = blake3::derive_key("artana/1 run key id", &run_key);
    assert_eq!(Some(id), hex(&text(&vectors["key_id"])));
    let named = &vectors["idempotency_key"];
    let mut frame = Frame::new("artana/1 effect");
    for (tag, key) in [(0x01, "tenant"), (0x02, "run"), (0x06, "step"), (0x1b, "tool")] {
        frame.field(tag, text(&named[key]).as_bytes());
    }
    assert_eq!(Some(frame.hash()), hex(&text(&named["hex"])));
    for ask in vectors["asks"].as_array().expect("a list") {
        assert_eq!(Some(asked(ask)), hex(&text(&ask["digest"])), "{ask}");
    }
    for fork in vectors["forks"].as_array().expect("a list") {
        assert_eq!(forked(fork), text(&fork["fork"]));
    }
}

/// The fingerprint of an ask: texts as they are, digests by their bytes, and what is absent left out.
fn asked(ask: &Value) -> [u8; 32] {
    let texts = [(0x20, "model"), (0x23, "api_mode"), (0x24, "reasoning_effort"), (0x25, "verbosity")];
    let digests = [
        (0x21, "asked_root"),
        (0x22, "input_items"),
        (0x26, "previous_response_id"),
        (0x27, "sampling"),
        (0x28, "tools"),
        (0x29, "output_schema"),
    ];
    let mut fields: Vec<(u8, Vec<u8>)> =
        texts.iter().filter_map(|(tag, key)| Some((*tag, ask[*key].as_str()?.into()))).collect();
    let hash = |key: &str| ask[key].as_str().and_then(hex::<32>);
    fields.extend(digests.iter().filter_map(|(tag, key)| Some((*tag, hash(key)?.into()))));
    fields.sort();
    let mut frame = Frame::new("artana/1 ask");
    fields.iter().for_each(|(tag, value)| frame.field(*tag, value));
    frame.hash()
}

fn forked(fork: &Value) -> String {
    let text = |key: &str| fork[key].as_str().expect("text");
    let mut frame = Frame::new("artana/1 fork");
    for (tag, key) in [(0x01, "tenant"), (0x02, "run"), (0x06, "step")] {
        frame.field(tag, text(key).as_bytes());
    }
    frame.field(0x2a, &hex::<32>(text("asked")).expect("a digest"));
    let hash: String = frame.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    let parent = text("run");
    let end = (0..=parent.len().min(235)).rev().find(|end| parent.is_char_boundary(*end)).expect("0 is one");
    format!("{}~{}", &parent[..end], &hash[..20])
}
