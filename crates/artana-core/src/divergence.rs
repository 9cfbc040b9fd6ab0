//! Where a workflow's code leaves the path that its ledger recorded. Compares, and shows both sides; decides nothing.

use std::fmt;

use crate::{Asked, Ordinal, Program};

/// How many places before and after the first difference are shown.
const AROUND: u64 = 3;

/// The first place at which the code asks something else than is recorded there, with the places around it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// The place.
    pub at: Ordinal,
    /// What is recorded there.
    pub recorded: Asked,
    /// What the code asks there, if it comes that far.
    pub asked: Option<Asked>,
    /// The places around it: what is recorded, and what the code asks.
    pub around: Vec<(Ordinal, Option<Asked>, Option<Asked>)>,
}

impl Divergence {
    /// Compares what is recorded with what the code asked. A place of which nothing is recorded differs from nothing:
    /// what was asked there had not ended.
    #[must_use]
    pub fn find(program: &Program, asked: &[Asked]) -> Option<Self> {
        let at = |place: Ordinal| asked.get(usize::try_from(place.get()).ok()?);
        let differs = |(place, recorded): &(Ordinal, &Asked)| at(*place) != Some(recorded);
        let (place, recorded) = program.asks_from(Ordinal::new(0)).find(differs)?;
        let (from, to) = (place.get().saturating_sub(AROUND), place.get().saturating_add(AROUND));
        let around =
            (from..=to).map(Ordinal::new).map(|place| (place, program.asked(place).cloned(), at(place).cloned()));
        let around = around.filter(|(_, recorded, asked)| recorded.is_some() || asked.is_some()).collect();
        Some(Self { at: place, recorded: recorded.clone(), asked: at(place).cloned(), around })
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |asked: &Option<Asked>| asked.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let width = self.around.iter().map(|(_, recorded, _)| shown(recorded).chars().count()).max().unwrap_or(0);
        let width = width.max("recorded".len());
        write!(f, "   place  {:<width$}  asked now", "recorded")?;
        for (place, recorded, asked) in &self.around {
            let mark = if *place == self.at { '>' } else { ' ' };
            write!(f, "\n {mark} {:>5}  {:<width$}  {}", place.get(), shown(recorded), shown(asked))?;
        }
        Ok(())
    }
}
