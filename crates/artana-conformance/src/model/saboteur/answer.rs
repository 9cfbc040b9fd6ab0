//! Adapters that lose or change what the provider said.

use artana_core::event::FinishReason;
use artana_ports::{ModelAnswer, Part};

use super::{Sabotage, mischief::mischiefs, sabotages};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "answer/text_is_exact": "Trims texts." => Trims;
    "answer/tool_calls_are_exact": "Writes arguments anew where they can be read." => WritesArgsAnew;
    "answer/tool_calls_keep_their_order": "Sorts calls by their ids." => SortsCalls;
    "answer/text_beside_calls_stays": "Keeps nothing but the calls where there are some." => KeepsCallsAlone;
    "answer/reasoning_is_apart": "Forgets what the model thought." => Thoughtless;
    "answer/usage_is_told": "Takes input for output." => SwapsTokens;
    "answer/usage_in_detail": "Counts no tokens of reasoning." => CountsNoThoughts;
    "answer/finish_is_told": "Takes what was held back for done." => HidesTheFilter;
    "answer/finish_for_tools_is_told": "Takes a stop for tools for done." => HidesTheTools;
    "answer/id_is_kept": "Forgets the id of an answer." => ForgetsIds;
};

fn each_text(answer: &mut ModelAnswer, change: impl Fn(&str) -> String) {
    for part in &mut answer.parts {
        if let Part::Text(text) = part {
            *text = change(text);
        }
    }
}

mischiefs! {
    Trims: answers(answer: ModelAnswer) {
        each_text(answer, |text| text.trim().to_owned());
    }

    WritesArgsAnew: answers(answer: ModelAnswer) {
        for part in &mut answer.parts {
            if let Part::ToolCall(call) = part && let Ok(args) = serde_json::from_str::<serde_json::Value>(&call.args) {
                call.args = args.to_string();
            }
        }
    }

    SortsCalls: answers(answer: ModelAnswer) {
        answer.parts.sort_by_key(|part| match part {
            Part::ToolCall(call) => call.call_id.clone(),
            _ => String::new(),
        });
    }

    KeepsCallsAlone: answers(answer: ModelAnswer) {
        let is_call = |part: &Part| matches!(part, Part::ToolCall(_));
        if answer.parts.iter().any(is_call) {
            answer.parts.retain(is_call);
        }
    }

    Thoughtless: answers(answer: ModelAnswer) {
        answer.parts.retain(|part| !matches!(part, Part::Reasoning(_)));
    }

    SwapsTokens: answers(answer: ModelAnswer) {
        std::mem::swap(&mut answer.usage.input, &mut answer.usage.output);
    }

    CountsNoThoughts: answers(answer: ModelAnswer) {
        answer.usage.reasoning = 0;
    }

    HidesTheFilter: answers(answer: ModelAnswer) {
        if answer.finish == FinishReason::ContentFilter {
            answer.finish = FinishReason::Stop;
        }
    }

    HidesTheTools: answers(answer: ModelAnswer) {
        if answer.finish == FinishReason::ToolCalls {
            answer.finish = FinishReason::Stop;
        }
    }

    ForgetsIds: answers(answer: ModelAnswer) {
        answer.response_id = None;
    }
}
