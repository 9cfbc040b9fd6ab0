//! `store doctor`: what is wrong with the store as a whole, and what to do about it.

use artana_ports::Severity;

use super::Context;
use crate::{
    args::DoctorArgs,
    failure::{Exit, Failure},
    row::Row,
};

pub(super) async fn perform(cx: &mut Context, args: &DoctorArgs) -> Result<Exit, Failure> {
    let findings = cx.kernel.doctor().await?;
    let tolerated = if args.strict { Severity::Fine } else { Severity::Notice };
    let worse = findings.iter().any(|finding| finding.severity > tolerated);
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
    Ok(if worse { Exit::Invalid } else { Exit::Fine })
}
