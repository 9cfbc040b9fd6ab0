//! Adapters that lose or change what was asked.

use std::sync::OnceLock;

use artana_core::ModelId;
use artana_ports::{ModelRequest, Part, Source};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, mischiefs},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "request/conversation": "Asks the last question first." => LastFirst;
    "request/words_are_exact": "Trims prompts." => TrimsPrompts;
    "request/tool_turns": "Gives tools' answers an id of its own." => RenamesCalls;
    "request/tools_are_shown": "Does not say what a tool does." => HidesDescriptions;
    "request/schema_arrives": "Sends no schema." => SendsNoSchema;
    "request/pictures_arrive": "Sends the beginning of a picture." => CutsPictures;
    "request/model_is_asked_for": "Stays with the first model it was asked for." => StaysWithTheFirst;
    "request/sampling_arrives": "Sends no share of the likeliest words." => SendsNoShare;
    "request/seed_arrives": "Sends no seed." => SendsNoSeed;
    "request/stop_arrives": "Sends one end of the output." => SendsOneEnd;
    "request/effort_arrives": "Sends no effort." => SendsNoEffort;
    "request/verbosity_arrives": "Sends no verbosity." => SendsNoVerbosity;
    "request/input_items_arrive": "Sends no input items." => SendsNoItems;
    "request/previous_response_arrives": "Begins every conversation anew." => BeginsAnew;
    "request/nothing_is_made_up": "Sends a temperature where none is set." => MakesUpATemperature;
};

fn each_part(request: &mut ModelRequest, change: impl Fn(&mut Part)) {
    request.messages.iter_mut().flat_map(|message| &mut message.parts).for_each(change);
}

mischiefs! {
    LastFirst: asks(request: ModelRequest) {
        let of_texts = request.messages.iter().flat_map(|m| &m.parts).all(|part| matches!(part, Part::Text(_)));
        if of_texts {
            request.messages.rotate_right(1);
        }
    }

    TrimsPrompts: asks(request: ModelRequest) {
        each_part(request, |part| {
            if let Part::Text(text) = part {
                *text = text.trim().to_owned();
            }
        });
    }

    RenamesCalls: asks(request: ModelRequest) {
        each_part(request, |part| {
            if let Part::ToolResult { call_id, .. } = part {
                call_id.insert_str(0, "call_");
            }
        });
    }

    HidesDescriptions: asks(request: ModelRequest) {
        request.tools.iter_mut().for_each(|tool| tool.description.clear());
    }

    SendsNoSchema: asks(request: ModelRequest) {
        request.output_schema = None;
    }

    CutsPictures: asks(request: ModelRequest) {
        each_part(request, |part| {
            if let Part::Image(media) = part && let Source::Bytes(bytes) = &mut media.source {
                bytes.truncate(16);
            }
        });
    }

    SendsNoShare: asks(request: ModelRequest) {
        request.options.sampling.top_p = None;
    }

    SendsNoSeed: asks(request: ModelRequest) {
        request.options.sampling.seed = None;
    }

    SendsOneEnd: asks(request: ModelRequest) {
        request.options.sampling.stop.truncate(1);
    }

    SendsNoEffort: asks(request: ModelRequest) {
        request.options.reasoning_effort = None;
    }

    SendsNoVerbosity: asks(request: ModelRequest) {
        request.options.verbosity = None;
    }

    SendsNoItems: asks(request: ModelRequest) {
        request.input_items.clear();
    }

    BeginsAnew: asks(request: ModelRequest) {
        request.options.previous_response_id = None;
    }

    MakesUpATemperature: asks(request: ModelRequest) {
        request.options.sampling.temperature.get_or_insert(1.0);
    }
}

#[derive(Debug, Default)]
struct StaysWithTheFirst(OnceLock<ModelId>);

#[async_trait]
impl Mischief for StaysWithTheFirst {
    fn asks(&self, request: &mut ModelRequest) {
        request.model = self.0.get_or_init(|| request.model.clone()).clone();
    }
}
