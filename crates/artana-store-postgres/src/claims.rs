//! What must hold across runs, as parameters of an append, and what a denial of the server means.
//! What a batch gives back is given back before its claims are judged.

use artana_core::{EventId, TenantId};
use artana_ports::{AppendError, Claim, ClaimDenied, Release};
use tokio_postgres::Row;

use crate::{
    error::Failure,
    session::Sessions,
    statement::{Column, Param, params},
};

const HOLDERS: &str = "SELECT key, holder FROM artana.uniques WHERE tenant = $1 AND key = ANY ($2)";

/// The kinds as the schema's function numbers them. Rows are locked in their order.
const ACCOUNT: i16 = 1;
const UNIQUE: i16 = 2;
const RATE: i16 = 3;
const NOT_AFTER: i16 = 4;

/// What a batch claims and gives back, in the one order in which rows that cross runs are locked: by kind, by key,
/// what is given back first.
pub(crate) struct Claims(Vec<Op>);

#[derive(Debug, Clone, Default)]
struct Op {
    kind: i16,
    gives: bool,
    key: String,
    holder: Option<EventId>,
    limit: u64,
    amount: u64,
    span: i64,
}

/// Sorts what a batch claims and gives back. A lease is given back with the run's own row.
pub(crate) fn sorted(claims: Vec<Claim>, releases: Vec<Release>) -> Claims {
    let mut ops: Vec<Op> = releases.into_iter().filter_map(given).chain(claims.into_iter().map(claimed)).collect();
    ops.sort_by(|a, b| (a.kind, &a.key, !a.gives).cmp(&(b.kind, &b.key, !b.gives)));
    Claims(ops)
}

fn given(release: Release) -> Option<Op> {
    let op = Op { gives: true, ..Op::default() };
    match release {
        Release::Lease => None,
        Release::Unique { key, holder } => Some(Op { kind: UNIQUE, key, holder: Some(holder), ..op }),
        Release::Reserve { account, holder, spent } => {
            Some(Op { kind: ACCOUNT, key: account, holder: Some(holder), amount: spent, ..op })
        }
    }
}

fn claimed(claim: Claim) -> Op {
    let op = Op::default();
    match claim {
        Claim::Reserve(reserve) => Op {
            kind: ACCOUNT,
            key: reserve.account,
            holder: Some(reserve.holder),
            limit: reserve.limit,
            amount: reserve.amount,
            ..op
        },
        Claim::Unique { key, holder } => Op { kind: UNIQUE, key, holder: Some(holder), ..op },
        Claim::Rate(rate) => {
            Op { kind: RATE, span: rate.micros(), key: rate.key, limit: rate.limit, amount: rate.amount, ..op }
        }
        Claim::NotAfter(latest) => Op { kind: NOT_AFTER, limit: latest.as_micros().cast_unsigned(), ..op },
    }
}

impl Claims {
    /// Says whether a batch neither claims nor gives back anything that crosses runs.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the last parameters of an append.
    pub(crate) fn params(&self) -> Vec<Param> {
        fn all<T>(ops: &[Op], part: impl Fn(&Op) -> T) -> Vec<T> {
            ops.iter().map(part).collect()
        }
        let Self(ops) = self;
        params![
            all(ops, |op| op.kind),
            all(ops, |op| op.gives),
            all(ops, |op| op.key.clone().into_bytes()),
            all(ops, |op| op.holder.map(|holder| holder.as_bytes().to_vec())),
            all(ops, |op| op.limit.cast_signed()),
            all(ops, |op| op.amount.cast_signed()),
            all(ops, |op| op.span),
        ]
    }

    /// Reads what the schema's functions raise: a denied claim, by its place and a value, or a lapsed life.
    pub(crate) fn denied(&self, failure: &Failure) -> Option<AppendError> {
        let said = failure.said()?;
        match said.code().code() {
            "AR001" => return Some(AppendError::Lapsed),
            "AR006" => {
                return Some(Failure::damaged("run_keys already holds another key of this run's family").into());
            }
            _ => {}
        }
        let (place, value) = said.detail()?.split_once(' ')?;
        let place: usize = place.parse().ok()?;
        let op = self.0.get(place.checked_sub(1)?)?;
        let key = || op.key.clone();
        let denied = match said.code().code() {
            "AR002" => ClaimDenied::Reserve { account: key(), left: value.parse().ok()?, limit: op.limit },
            "AR003" => ClaimDenied::Unique { key: key(), holder: EventId::from_bytes(unhex(value)?) },
            "AR004" => ClaimDenied::Rate { key: key(), limit: op.limit },
            "AR005" => ClaimDenied::NotAfter,
            _ => return None,
        };
        Some(denied.into())
    }
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    Some(u128::from_str_radix(text, 16).ok()?.to_be_bytes()).filter(|_| text.len() == 32)
}

/// Says who holds each key; nobody, too, where the row cannot be read, which verification then names.
pub(crate) async fn holders(
    sessions: &Sessions,
    tenant: &TenantId,
    keys: &[String],
) -> Result<Vec<Option<EventId>>, Failure> {
    let asked: Vec<Vec<u8>> = keys.iter().map(|key| key.clone().into_bytes()).collect();
    let rows = sessions.ask(HOLDERS, params![tenant.as_str().to_owned(), asked]).await?;
    let found: Vec<(&[u8], Option<EventId>)> = rows.iter().filter_map(held).collect();
    let holder = |key: &String| found.iter().find(|(held, _)| *held == key.as_bytes()).and_then(|(_, holder)| *holder);
    Ok(keys.iter().map(holder).collect())
}

fn held(row: &Row) -> Option<(&[u8], Option<EventId>)> {
    let holder = Column(1, "uniques.holder").array(row).ok().map(EventId::from_bytes);
    Some((Column(0, "uniques.key").bytes(row).ok()?, holder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_locked_by_kind_and_key_and_given_back_first() {
        let holder = EventId::from_bytes([1; 16]);
        let unique = |key: &str| Claim::Unique { key: key.into(), holder };
        let freed = |key: &str| Release::Unique { key: key.into(), holder };
        let spent = Release::Reserve { account: "z".into(), holder, spent: 1 };
        let Claims(ops) = sorted(vec![unique("b"), unique("a")], vec![freed("b"), Release::Lease, spent]);
        let order: Vec<_> = ops.iter().map(|op| (op.kind, op.key.as_str(), op.gives)).collect();
        assert_eq!(order, [(ACCOUNT, "z", true), (UNIQUE, "a", false), (UNIQUE, "b", true), (UNIQUE, "b", false)]);
    }

    #[test]
    fn an_id_is_read_from_hex() {
        assert_eq!(unhex("000102030405060708090a0b0c0d0e0f"), Some(std::array::from_fn(|at| at as u8)));
        assert_eq!(unhex("00"), None);
    }
}
