//! Judges a tool's adapter law by law.

use super::{ToolFactory, ToolTrial, laws};
use crate::{Law, Report, Verdict, run::attempt};

/// Judges a tool's adapter by all laws and prints one line for each.
pub async fn run_laws(factory: &dyn ToolFactory) -> Report {
    let mut report = Report::new("tool", factory.name());
    for law in laws() {
        report.enter(law, judge(law, factory).await);
    }
    report
}

/// Judges a tool's adapter by one law.
pub async fn judge(law: &Law<ToolTrial>, factory: &dyn ToolFactory) -> Verdict {
    match law.lacking(|need| factory.lacks(need)) {
        Some(why) => Verdict::Skip(why),
        None => attempt(law, ToolTrial::of(factory).await).await,
    }
}
