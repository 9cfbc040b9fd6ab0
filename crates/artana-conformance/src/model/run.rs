//! Judges a model adapter law by law.

use super::{ModelFactory, ModelTrial, laws};
use crate::{
    Law, Report, Verdict,
    run::{PATIENCE, attempt},
};

/// Judges a model adapter by all laws and prints one line for each.
pub async fn run_laws(factory: &dyn ModelFactory) -> Report {
    let mut report = Report::new("model", factory.name());
    for law in laws() {
        report.enter(law, judge(law, factory, PATIENCE).await);
    }
    report
}

/// Judges a model adapter by one law. `patience` is how often to look, a millisecond apart, for what should come
/// at once.
pub async fn judge(law: &Law<ModelTrial>, factory: &dyn ModelFactory, patience: u32) -> Verdict {
    match law.lacking(|need| factory.lacks(need)) {
        Some(why) => Verdict::Skip(why),
        None => attempt(law, ModelTrial::of(factory, patience).await).await,
    }
}
