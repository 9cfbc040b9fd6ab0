//! What must hold across runs: reservations, unique keys, rates, latest instants, judged by the port's rules.
//! What a batch gives back is given back before its claims are judged.

use artana_core::{EventId, TenantId, Timestamp};
use artana_ports::{Account, Append, AppendError, Claim, ClaimDenied, Rate, Release, Reserve, Window};
use rusqlite::{Row, params};

use crate::{
    error::Failure,
    statement::{Column, Statements},
    writer::Tx,
};

const ACCOUNT: &str = "SELECT settled, reserved FROM accounts WHERE tenant = ?1 AND account = ?2";
const SET_ACCOUNT: &str = "INSERT INTO accounts (tenant, account, settled, reserved) VALUES (?1, ?2, ?3, ?4) \
                           ON CONFLICT DO UPDATE SET settled = excluded.settled, reserved = excluded.reserved";
const HELD: &str = "SELECT amount FROM reservations WHERE tenant = ?1 AND account = ?2 AND holder = ?3";
const HOLD: &str = "INSERT INTO reservations (tenant, account, holder, amount) VALUES (?1, ?2, ?3, ?4) \
                    ON CONFLICT DO UPDATE SET amount = excluded.amount";
const LET_GO: &str = "DELETE FROM reservations WHERE tenant = ?1 AND account = ?2 AND holder = ?3";
const HOLDER: &str = "SELECT holder FROM uniques WHERE tenant = ?1 AND key = ?2";
const TAKE_KEY: &str = "INSERT INTO uniques (tenant, key, holder) VALUES (?1, ?2, ?3)";
const FREE_KEY: &str = "DELETE FROM uniques WHERE tenant = ?1 AND key = ?2 AND holder = ?3";
const COUNTED: &str = "SELECT starts, counted FROM rates WHERE tenant = ?1 AND key = ?2 AND window = ?3";
const COUNT: &str = "INSERT INTO rates (tenant, key, window, starts, counted) VALUES (?1, ?2, ?3, ?4, ?5) \
                     ON CONFLICT DO UPDATE SET starts = excluded.starts, counted = excluded.counted";

/// Gives back what the batch releases, and takes what it claims.
pub(crate) fn settle(tx: &mut Tx<'_>, batch: &Append) -> Result<(), AppendError> {
    let tenant = &batch.run.tenant;
    for release in &batch.releases {
        give_back(tx, tenant, release)?;
    }
    for claim in &batch.claims {
        take(tx, tenant, claim)?;
    }
    Ok(())
}

fn give_back(tx: &mut Tx<'_>, tenant: &TenantId, release: &Release) -> Result<(), Failure> {
    match release {
        // The run's own row is written with the batch.
        Release::Lease => Ok(()),
        Release::Unique { key, holder } => {
            tx.sql.run(FREE_KEY, params![tenant.as_str(), key, holder.as_bytes()])?;
            Ok(())
        }
        Release::Reserve { account, holder, spent } => {
            let Some(held) = held(tx, tenant, account, *holder)? else { return Ok(()) };
            tx.sql.run(LET_GO, params![tenant.as_str(), account, holder.as_bytes()])?;
            let settled = read_account(tx, tenant, account)?.settle(held, *spent);
            write_account(tx, tenant, account, settled)
        }
    }
}

fn take(tx: &mut Tx<'_>, tenant: &TenantId, claim: &Claim) -> Result<(), AppendError> {
    match claim {
        Claim::Reserve(reserve) => take_reserve(tx, tenant, reserve),
        Claim::Unique { key, holder } => take_unique(tx, tenant, key, *holder),
        Claim::Rate(rate) => take_rate(tx, tenant, rate),
        Claim::NotAfter(latest) if tx.now() > *latest => Err(ClaimDenied::NotAfter.into()),
        Claim::NotAfter(_) => Ok(()),
    }
}

fn take_reserve(tx: &mut Tx<'_>, tenant: &TenantId, claim: &Reserve) -> Result<(), AppendError> {
    let reserved = read_account(tx, tenant, &claim.account)?.reserve(claim)?;
    write_account(tx, tenant, &claim.account, reserved)?;
    let held = held(tx, tenant, &claim.account, claim.holder)?.unwrap_or(0).saturating_add(claim.amount);
    tx.sql.run(HOLD, params![tenant.as_str(), claim.account, claim.holder.as_bytes(), held.cast_signed()])?;
    Ok(())
}

fn held(tx: &mut Tx<'_>, tenant: &TenantId, account: &str, holder: EventId) -> Result<Option<u64>, Failure> {
    tx.sql.first(HELD, params![tenant.as_str(), account, holder.as_bytes()], |row| {
        Ok(Column(0, "reservations.amount").int(row)?.cast_unsigned())
    })
}

fn read_account(tx: &mut Tx<'_>, tenant: &TenantId, account: &str) -> Result<Account, Failure> {
    let found = tx.sql.first(ACCOUNT, params![tenant.as_str(), account], |row| {
        let settled = Column(0, "accounts.settled").int(row)?.cast_unsigned();
        Ok(Account { settled, reserved: Column(1, "accounts.reserved").int(row)?.cast_unsigned() })
    })?;
    Ok(found.unwrap_or_default())
}

fn write_account(tx: &mut Tx<'_>, tenant: &TenantId, account: &str, now: Account) -> Result<(), Failure> {
    let (settled, reserved) = (now.settled.cast_signed(), now.reserved.cast_signed());
    tx.sql.run(SET_ACCOUNT, params![tenant.as_str(), account, settled, reserved])?;
    Ok(())
}

fn take_unique(tx: &mut Tx<'_>, tenant: &TenantId, key: &str, holder: EventId) -> Result<(), AppendError> {
    let found = tx.sql.first(HOLDER, params![tenant.as_str(), key], holder_of)?;
    match found {
        Some(found) if found == holder => Ok(()),
        Some(found) => Err(ClaimDenied::Unique { key: key.into(), holder: found }.into()),
        None => {
            tx.sql.run(TAKE_KEY, params![tenant.as_str(), key, holder.as_bytes()])?;
            Ok(())
        }
    }
}

/// Says who holds each key; nobody, too, where the row cannot be read, which verification then names.
pub(crate) fn holders(
    sql: &mut Statements<'_>,
    tenant: &TenantId,
    keys: &[String],
) -> Result<Vec<Option<EventId>>, Failure> {
    let mut holder = |key: &String| {
        let found = sql.first(HOLDER, params![tenant.as_str(), key], |row| Ok(holder_of(row).ok()))?;
        Ok(found.flatten())
    };
    keys.iter().map(&mut holder).collect()
}

fn holder_of(row: &Row<'_>) -> Result<EventId, Failure> {
    Ok(EventId::from_bytes(Column(0, "uniques.holder").array(row)?))
}

fn take_rate(tx: &mut Tx<'_>, tenant: &TenantId, rate: &Rate) -> Result<(), AppendError> {
    let last = tx.sql.first(COUNTED, params![tenant.as_str(), rate.key, rate.micros()], |row| {
        let starts = Timestamp::from_micros(Column(0, "rates.starts").int(row)?);
        Ok(Window { starts, counted: Column(1, "rates.counted").int(row)?.cast_unsigned() })
    })?;
    let open = rate.count(last.unwrap_or_default(), tx.now())?;
    let (starts, counted) = (open.starts.as_micros(), open.counted.cast_signed());
    tx.sql.run(COUNT, params![tenant.as_str(), rate.key, rate.micros(), starts, counted])?;
    Ok(())
}
