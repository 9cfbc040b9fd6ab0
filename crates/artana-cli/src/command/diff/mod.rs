//! `run diff`: two runs, or a run and its fork, step by step in the order of their ledgers: what is shared, the
//! same, asked or answered otherwise, or only in one of them. Values are content and are shown only when they are
//! asked for.

mod compare;
mod show;

use artana_core::{RunState, StepKey};
use artana_kernel::Run;

use super::{Context, lineage};
use crate::{
    args::DiffArgs,
    failure::{Exit, Failure},
};
use compare::Compared;

/// One of the two runs.
struct Side {
    run: Run,
    state: RunState,
    /// Its steps, and those it shares, in the order they began.
    steps: Vec<StepKey>,
}

pub(super) async fn perform(cx: &mut Context, args: &DiffArgs) -> Result<Exit, Failure> {
    let (a, b) = (side(cx, &args.a).await?, side(cx, &args.b).await?);
    let mut compared = Vec::new();
    for key in merged(&a.steps, &b.steps) {
        compared.push(compare::step(&a, &b, &key).await.map_err(|error| cx.explain(&args.a, error))?);
    }
    let statuses = (a.state.status(), b.state.status());
    show::all(&mut cx.out, &show::Shown { a: &a, b: &b, steps: &compared, content: show::Content::when(args.content) });
    let equal = statuses.0 == statuses.1 && compared.iter().all(Compared::is_equal);
    Ok(if equal { Exit::Fine } else { Exit::Invalid })
}

async fn side(cx: &Context, id: &str) -> Result<Side, Failure> {
    let line = lineage::of(cx, id).await?;
    let steps = lineage::steps(&line).await.map_err(|error| cx.explain(id, error))?;
    let run = line.into_iter().next_back().expect("the run itself ends its line").run;
    let state = run.latest(RunState::clone).await.map_err(|error| cx.explain(id, error))?;
    let steps = steps.into_iter().filter(|key| state.step(key).is_some()).collect();
    Ok(Side { run, state, steps })
}

/// Merges two orders: that of the first, with what only the second has after what precedes it there.
fn merged(a: &[StepKey], b: &[StepKey]) -> Vec<StepKey> {
    let mut merged = a.to_vec();
    let mut at = 0;
    for key in b {
        match merged.iter().position(|known| known == key) {
            Some(known) => at = at.max(known + 1),
            None => {
                merged.insert(at, key.clone());
                at += 1;
            }
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_has_stands_where_it_happened() {
        let keys = |text: &str| text.chars().map(|c| StepKey::parse(c.to_string()).unwrap()).collect::<Vec<_>>();
        let check = |a: &str, b: &str| merged(&keys(a), &keys(b)).iter().map(|key| key.as_str()).collect::<String>();
        assert_eq!(check("abc", "abc"), "abc");
        assert_eq!(check("abc", "axc"), "axbc");
        assert_eq!(check("abc", "xyabz"), "xyabzc");
        assert_eq!(check("", "ab"), "ab");
        assert_eq!(check("ab", "ba"), "ab", "another order alone is no difference");
        assert_eq!(check("abc", "cx"), "abcx");
    }
}
