//! Laws of requests: what the caller asks is what reaches the provider.

use artana_core::ask::{ReasoningEffort, Verbosity};
use artana_ports::{Media, Message, ModelOptions, Part, Role, Sampling, Source, ToolDefinition};
use serde_json::json;

use super::answer::tool_call;
use crate::{
    Law,
    law::{Kept, ensure_eq, laws},
    model::ModelTrial,
};

pub(super) const LAWS: &[Law<ModelTrial>] = laws! {
    "request/conversation": "A conversation reaches the provider in order, each message with its role." => conversation;
    "request/words_are_exact": "The words of a message reach the provider byte for byte." => words;
    "request/tool_turns" [Tools]: "A tool call and its answer reach the provider with the id that joins them." => turns;
    "request/tools_are_shown" [Tools]: "A tool reaches the provider with its name, what it does, and its schema." => tools;
    "request/schema_arrives" [OutputSchema]: "A schema that is as strict as can be reaches the provider as it is." => schema;
    "request/pictures_arrive" [Images]: "A picture reaches the provider with its type and every byte." => picture;
    "request/model_is_asked_for": "The model that is asked for is the one the provider is asked for." => model;
    "request/sampling_arrives" [Sampling]: "Temperature, share and bound of the output reach the provider." => sampling;
    "request/seed_arrives" [Seed]: "A seed reaches the provider." => seed;
    "request/stop_arrives" [Stop]: "Texts that end the output reach the provider, in order." => stop;
    "request/effort_arrives" [Effort]: "How much to think reaches the provider." => effort;
    "request/verbosity_arrives" [Verbosity]: "How much to say reaches the provider." => verbosity;
    "request/input_items_arrive" [InputItems]: "Raw input items reach the provider as they are." => items;
    "request/previous_response_arrives" [PreviousResponses]: "The answer a conversation goes on from reaches the provider." => previous;
    "request/nothing_is_made_up" [BareOptions]: "An option that is not set is not sent." => bare;
};

fn with(t: &ModelTrial, options: ModelOptions) -> artana_ports::ModelRequest {
    artana_ports::ModelRequest { options, ..t.prompt("What is new?") }
}

fn sampled(t: &ModelTrial, sampling: Sampling) -> artana_ports::ModelRequest {
    with(t, ModelOptions { sampling, ..ModelOptions::default() })
}

async fn conversation(t: &ModelTrial) -> Kept {
    let messages = [
        Message::system("Be brief."),
        Message::user("One?"),
        Message::assistant("Two."),
        Message::user("Three?"),
        Message::assistant("Four."),
        Message::user("Five?"),
    ];
    let sent = t.sent(&t.talk(messages.clone())).await?;
    ensure_eq!(sent.messages, messages, "the conversation at the provider");
    Ok(())
}

async fn words(t: &ModelTrial) -> Kept {
    for text in
        [" spaces \n", "grüße 👩\u{200d}👧 e\u{301}\u{feff}", "\"quoted\" \\ and\r\n\tlined", "{\"not\": \"parsed\"}"]
    {
        let sent = t.sent(&t.prompt(text)).await?;
        ensure_eq!(sent.messages, [Message::user(text)], "a prompt at the provider");
    }
    Ok(())
}

async fn turns(t: &ModelTrial) -> Kept {
    let messages = [
        Message::user("What is next to 4?"),
        Message::new(Role::Assistant, [tool_call("call_9", "look_up", r#"{"n":4}"#)]),
        Message::tool_result("call_9", "5"),
    ];
    let sent = t.sent(&t.talk(messages.clone())).await?;
    ensure_eq!(sent.messages, messages, "a turn with a tool at the provider");
    Ok(())
}

async fn tools(t: &ModelTrial) -> Kept {
    let tool = |name: &str, about: &str| ToolDefinition {
        name: name.into(),
        description: about.into(),
        args_schema: json!({
            "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false
        }),
    };
    let tools = vec![tool("look_up", "Looks something up."), tool("send", "Sends it.")];
    let request = artana_ports::ModelRequest { tools: tools.clone(), ..t.prompt("What is new?") };
    let sent = t.sent(&request).await?;
    ensure_eq!(sent.tools, tools, "the tools at the provider");
    Ok(())
}

async fn schema(t: &ModelTrial) -> Kept {
    let place = json!({
        "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": false
    });
    let schema = json!({
        "type": "object",
        "properties": {"place": place, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["place", "tags"],
        "additionalProperties": false
    });
    let request = artana_ports::ModelRequest { output_schema: Some(schema.clone()), ..t.prompt("What is new?") };
    let sent = t.sent(&request).await?;
    ensure_eq!(sent.output_schema, Some(schema), "the schema at the provider");
    Ok(())
}

async fn picture(t: &ModelTrial) -> Kept {
    let bytes: Vec<u8> = (0..=255).collect();
    let media = Media { media_type: "image/png".into(), source: Source::Bytes(bytes) };
    let message = Message::new(Role::User, [Part::Text("What is this?".into()), Part::Image(media)]);
    let sent = t.sent(&t.talk([message.clone()])).await?;
    ensure_eq!(sent.messages, [message], "a picture at the provider");
    Ok(())
}

async fn model(t: &ModelTrial) -> Kept {
    for model in &t.models {
        let request = artana_ports::ModelRequest { model: model.clone(), ..t.prompt("What is new?") };
        ensure_eq!(t.sent(&request).await?.model, *model, "the model at the provider");
    }
    Ok(())
}

async fn sampling(t: &ModelTrial) -> Kept {
    for (temperature, top_p, tokens) in [(0.25, 0.5, 77), (0.0, 1.0, 4096)] {
        let asked = Sampling {
            temperature: Some(temperature),
            top_p: Some(top_p),
            max_output_tokens: Some(tokens),
            ..Sampling::default()
        };
        let sent = t.sent(&sampled(t, asked.clone())).await?.options.sampling;
        let told = (sent.temperature, sent.top_p, sent.max_output_tokens);
        ensure_eq!(told, (Some(temperature), Some(top_p), Some(tokens)), "the sampling at the provider");
    }
    Ok(())
}

async fn seed(t: &ModelTrial) -> Kept {
    for seed in [0, 42] {
        let sent = t.sent(&sampled(t, Sampling { seed: Some(seed), ..Sampling::default() })).await?;
        ensure_eq!(sent.options.sampling.seed, Some(seed), "the seed at the provider");
    }
    Ok(())
}

async fn stop(t: &ModelTrial) -> Kept {
    let stop = vec!["END".to_owned(), "\n\n".to_owned()];
    let sent = t.sent(&sampled(t, Sampling { stop: stop.clone(), ..Sampling::default() })).await?;
    ensure_eq!(sent.options.sampling.stop, stop, "the ends at the provider");
    Ok(())
}

async fn effort(t: &ModelTrial) -> Kept {
    for effort in [ReasoningEffort::Low, ReasoningEffort::High] {
        let asked = ModelOptions { reasoning_effort: Some(effort), ..ModelOptions::default() };
        let sent = t.sent(&with(t, asked)).await?;
        ensure_eq!(sent.options.reasoning_effort, Some(effort), "the effort at the provider");
    }
    Ok(())
}

async fn verbosity(t: &ModelTrial) -> Kept {
    for verbosity in [Verbosity::Low, Verbosity::High] {
        let sent = t.sent(&with(t, ModelOptions { verbosity: Some(verbosity), ..ModelOptions::default() })).await?;
        ensure_eq!(sent.options.verbosity, Some(verbosity), "the verbosity at the provider");
    }
    Ok(())
}

async fn items(t: &ModelTrial) -> Kept {
    let items = vec![json!({"type": "message", "id": "m_1", "content": [{"text": "é"}]}), json!({"type": "other"})];
    let request = artana_ports::ModelRequest { input_items: items.clone(), ..t.prompt("What is new?") };
    ensure_eq!(t.sent(&request).await?.input_items, items, "the input items at the provider");
    Ok(())
}

async fn previous(t: &ModelTrial) -> Kept {
    let id = Some("resp_9".to_owned());
    let asked = ModelOptions { previous_response_id: id.clone(), ..ModelOptions::default() };
    let sent = t.sent(&with(t, asked)).await?;
    ensure_eq!(sent.options.previous_response_id, id, "the earlier answer at the provider");
    Ok(())
}

async fn bare(t: &ModelTrial) -> Kept {
    let sent = t.sent(&t.prompt("What is new?")).await?;
    let none = ModelOptions { api_mode: sent.options.api_mode, ..ModelOptions::default() };
    ensure_eq!(sent.options, none, "the options at the provider");
    ensure_eq!((sent.tools, sent.output_schema), (Vec::new(), None), "the tools and the schema at the provider");
    Ok(())
}
