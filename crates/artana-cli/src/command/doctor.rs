//! `store doctor`: what is wrong with the store as a whole, and what to do about it.

use artana_ports::Severity;

use super::Context;
use crate::{
    failure::{Exit, Failure},
    row::Row,
};

pub(super) async fn perform(cx: &mut Context) -> Result<Exit, Failure> {
    let findings = cx.kernel.doctor().await?;
    let broken = findings.iter().any(|finding| finding.severity == Severity::Broken);
    let rows: Vec<_> = findings
        .into_iter()
        .map(|finding| {
            let severity = match finding.severity {
                Severity::Fine => "fine",
                Severity::Notice => "notice",
                Severity::Broken => "broken",
            };
            Row::default().with("severity", severity).with("subject", finding.subject).with("message", finding.message)
        })
        .collect();
    cx.out.rows(&rows);
    Ok(if broken { Exit::Invalid } else { Exit::Fine })
}
