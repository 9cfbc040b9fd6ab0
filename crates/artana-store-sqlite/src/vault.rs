//! Content and keys: how they are kept and found again. A row that cannot be read is never passed off
//! as content, and a row that is gone is told from one that was erased.

use artana_core::{Content, Digest, RunKey, RunRef, Seq, TenantId, TenantKey, verify::Stored};
use artana_ports::{Append, StoreError};
use rusqlite::{Row, params};

use crate::{
    error::Failure,
    statement::{Column, Statements},
    writer::Tx,
};

const KEEP: &str = "INSERT INTO vault (tenant, root, digest, len, codec, seal, bytes) \
                    VALUES (?1, ?2, ?3, ?4, 0, 0, ?5) ON CONFLICT DO NOTHING";
const FIND: &str = "SELECT len, codec, seal, bytes, erased_run, erased_seq FROM vault \
                    WHERE tenant = ?1 AND root = ?2 AND digest = ?3";
const KEEP_RUN_KEY: &str = "INSERT INTO run_keys (tenant, root, key) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const FIND_RUN_KEY: &str = "SELECT key, wrap_id FROM run_keys WHERE tenant = ?1 AND root = ?2";
const KEEP_TENANT_KEY: &str = "INSERT INTO tenant_keys (tenant, key) VALUES (?1, ?2)";
const FIND_TENANT_KEY: &str = "SELECT key, wrap_id FROM tenant_keys WHERE tenant = ?1";

/// Bytes stored as they are.
const CODEC_RAW: i64 = 0;
/// Bytes that are not sealed.
const SEAL_NONE: i64 = 0;

/// Keeps a piece of content of the batch's family; what is there already stays.
pub(crate) fn keep(sql: &mut Statements<'_>, batch: &Append, content: &Content) -> Result<(), Failure> {
    let (tenant, root) = (batch.run.tenant.as_str(), batch.view.root.as_str());
    let len = i64::try_from(content.bytes.len()).unwrap_or(i64::MAX);
    sql.run(KEEP, params![tenant, root, content.digest.as_bytes(), len, content.bytes])?;
    Ok(())
}

/// Finds the content of a family, one answer for each digest.
pub(crate) fn find(sql: &mut Statements<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, Failure> {
    let (tenant, run) = (root.tenant.as_str(), root.run.as_str());
    digests
        .iter()
        .map(|digest| {
            let found = sql.first(FIND, params![tenant, run, digest.as_bytes()], |row| Ok(stored(row)))?;
            Ok(found.unwrap_or(Stored::Missing))
        })
        .collect()
}

fn stored(row: &Row<'_>) -> Stored {
    content_of(row).unwrap_or(Stored::Unreadable)
}

fn content_of(row: &Row<'_>) -> Result<Stored, Failure> {
    let len = Column(0, "vault.len").int(row)?;
    let encoding = (Column(1, "vault.codec").int(row)?, Column(2, "vault.seal").int(row)?);
    match Column(3, "vault.bytes").maybe_bytes(row)? {
        None => tombstone(row),
        Some(bytes) if encoding == (CODEC_RAW, SEAL_NONE) && i64::try_from(bytes.len()) == Ok(len) => {
            Ok(Stored::Bytes(bytes.to_vec()))
        }
        Some(_) => Ok(Stored::Unreadable),
    }
}

fn tombstone(row: &Row<'_>) -> Result<Stored, Failure> {
    let run = Column(4, "vault.erased_run").maybe_bytes(row)?;
    let seq = Column(5, "vault.erased_seq").maybe_int(row)?;
    Ok(match (run, seq) {
        (Some(run), Some(seq)) => {
            Stored::Erased { run: String::from_utf8_lossy(run).into_owned(), seq: Seq::new(seq.cast_unsigned()) }
        }
        _ => Stored::Missing,
    })
}

/// Keeps the key of a new family. The same key may be there; another one may not.
pub(crate) fn keep_run_key(sql: &mut Statements<'_>, batch: &Append, key: &RunKey) -> Result<(), Failure> {
    let root = RunRef::new(batch.run.tenant.clone(), batch.view.root.clone());
    let params = params![root.tenant.as_str(), root.run.as_str(), key.expose()];
    if sql.run(KEEP_RUN_KEY, params)? == 1 || find_run_key(sql, &root)?.as_ref() == Some(key) {
        return Ok(());
    }
    Err(Failure::damaged(format!("run_keys already holds another key of {root}")))
}

/// Finds the key of a family; `None` also when its row cannot be read, which verification then names.
pub(crate) fn find_run_key(sql: &mut Statements<'_>, root: &RunRef) -> Result<Option<RunKey>, Failure> {
    let found = sql.first(FIND_RUN_KEY, params![root.tenant.as_str(), root.run.as_str()], |row| Ok(key_of(row)))?;
    Ok(found.flatten().map(RunKey::from_bytes))
}

/// Finds a tenant's key; `None` also when its row cannot be read.
pub(crate) fn find_tenant_key(sql: &mut Statements<'_>, tenant: &TenantId) -> Result<Option<TenantKey>, Failure> {
    let found = sql.first(FIND_TENANT_KEY, params![tenant.as_str()], |row| Ok(key_of(row)))?;
    Ok(found.flatten().map(TenantKey::from_bytes))
}

/// Returns a tenant's key, making `candidate` it where there is none.
pub(crate) fn claim_tenant_key(
    tx: &mut Tx<'_>,
    tenant: &TenantId,
    candidate: &TenantKey,
) -> Result<TenantKey, StoreError> {
    let found = tx.sql.first(FIND_TENANT_KEY, params![tenant.as_str()], |row| Ok(key_of(row)))?;
    match found {
        Some(Some(key)) => Ok(TenantKey::from_bytes(key)),
        Some(None) => Err(StoreError::Damaged { reason: format!("tenant_keys holds no readable key of {tenant}") }),
        None => {
            tx.sql.run(KEEP_TENANT_KEY, params![tenant.as_str(), candidate.expose()])?;
            Ok(candidate.clone())
        }
    }
}

/// Reads a key that is not wrapped.
fn key_of(row: &Row<'_>) -> Option<[u8; 32]> {
    let wrapped = Column(1, "wrap_id").maybe_bytes(row).ok()?.is_some();
    if wrapped { None } else { Column(0, "key").maybe_array(row).ok()? }
}
