//! What an application keeps in a run: the last value of a name counts.

use artana_core::{KeptValue, Name, Seq, Timestamp, event::*};

use super::{check, given};
use crate::support::{History, SECOND, bodies::*};

fn name(text: &str) -> Name {
    Name::parse(text).expect("fit")
}

fn set(text: &str, schema_version: u32, value: &str) -> ArtifactSet {
    ArtifactSet { name: name(text), schema_version, value: content(value) }
}

#[test]
fn the_last_value_of_a_name_counts() {
    let state = given(|h| {
        h.push(None, set("plan", 1, ARGS));
        h.push(None, set("plan", 2, RESULT));
        h.push(None, set("other", 7, ARGS));
        h.push(None, SummaryWritten { kind: name("plan"), value: content(ERROR) });
        h.push(None, Checkpoint { name: name("plan"), value: content(ARGS) });
        h.push(None, Note { topic: name("plan"), value: content(ARGS) });
    })
    .state();
    let value = |seq: i64, schema_version, text, versions| KeptValue {
        seq: Seq::new(seq.cast_unsigned()),
        at: Timestamp::from_micros(seq * SECOND),
        schema_version,
        value: content(text),
        versions,
    };
    let kept = state.kept();
    assert_eq!(
        kept.artifacts(),
        &[(name("plan"), value(3, 2, RESULT, 2)), (name("other"), value(4, 7, ARGS, 1))].into()
    );
    assert_eq!(kept.summaries(), &[(name("plan"), value(5, 0, ERROR, 1))].into());
    assert_eq!(kept.checkpoints(), &[(name("plan"), value(6, 0, ARGS, 1))].into());
    assert_eq!((state.view().steps, state.view().last_step), (0, None));
}

/// A run that is closing still keeps what its work comes to; one that has ended keeps nothing more, except that
/// somebody may write down a note.
#[test]
fn an_ended_run_keeps_nothing_more() {
    let ended = |body: Body| {
        given(|h| {
            h.push(None, closing(Closing::Failed));
            h.push(None, finished(RunOutcome::Failed));
            h.push(None, body);
        })
    };
    check(&ended(set("a", 1, ARGS).into()), Err("artifact_set may not follow in a run that is failed"));
    let summary = SummaryWritten { kind: name("a"), value: content(ARGS) };
    check(&ended(summary.clone().into()), Err("summary_written may not follow in a run that is failed"));
    let checkpoint = Checkpoint { name: name("a"), value: content(ARGS) };
    check(&ended(checkpoint.clone().into()), Err("checkpoint may not follow in a run that is failed"));
    check(&ended(Note { topic: name("a"), value: content(ARGS) }.into()), Ok(()));
    let closing_run = |body: Body| {
        given(|h: &mut History| {
            h.push(None, closing(Closing::Failed));
            h.push(None, body);
        })
    };
    for body in [set("a", 1, ARGS).into(), summary.into(), checkpoint.into()] {
        check(&closing_run(body), Ok(()));
    }
}
