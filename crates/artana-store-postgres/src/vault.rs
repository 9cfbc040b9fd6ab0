//! Content and keys: how they are found again. A row that cannot be read is never passed off as content, and a row
//! that is gone is told from one that was erased. They are written by the schema's
//! functions.

use std::collections::HashMap;

use artana_core::{Digest, RunKey, RunRef, Seq, TenantId, TenantKey, verify::Stored};
use artana_ports::StoreError;
use tokio_postgres::Row;

use crate::{
    error::{Failure, written},
    schema,
    session::Sessions,
    statement::{Column, params},
};

const FIND: &str = "SELECT digest, len, codec, seal, bytes, erased_run, erased_seq FROM artana.vault \
                    WHERE tenant = $1 AND root = $2 AND digest = ANY ($3)";
const FIND_RUN_KEY: &str = "SELECT key, wrap_id FROM artana.run_keys WHERE tenant = $1 AND root = $2";
const KEEP_TENANT_KEY: &str = "SELECT artana.keep_tenant_key($1, $2, $3)";
const FIND_TENANT_KEY: &str = "SELECT key, wrap_id FROM artana.tenant_keys WHERE tenant = $1";

/// Bytes stored as they are.
const CODEC_RAW: i16 = 0;
/// Bytes that are not sealed.
const SEAL_NONE: i16 = 0;

/// Finds the content of a family, one answer for each digest.
pub(crate) async fn find(sessions: &Sessions, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, Failure> {
    let asked: Vec<Vec<u8>> = digests.iter().map(|digest| digest.as_bytes().to_vec()).collect();
    let params = params![root.tenant.as_str().to_owned(), root.run.as_str().to_owned(), asked];
    let rows = sessions.ask(FIND, params).await?;
    let mut found = HashMap::new();
    for row in &rows {
        found.insert(Column(0, "vault.digest").bytes(row)?, row);
    }
    let answer = |digest: &Digest| found.get(&digest.as_bytes()[..]).map_or(Stored::Missing, |row| stored(row));
    Ok(digests.iter().map(answer).collect())
}

fn stored(row: &Row) -> Stored {
    content_of(row).unwrap_or(Stored::Unreadable)
}

fn content_of(row: &Row) -> Result<Stored, Failure> {
    let len = Column(1, "vault.len").int(row)?;
    let encoding = (Column(2, "vault.codec").small(row)?, Column(3, "vault.seal").small(row)?);
    match Column(4, "vault.bytes").maybe_bytes(row)? {
        None => tombstone(row),
        Some(bytes) if encoding == (CODEC_RAW, SEAL_NONE) && i64::try_from(bytes.len()) == Ok(len) => {
            Ok(Stored::Bytes(bytes.to_vec()))
        }
        Some(_) => Ok(Stored::Unreadable),
    }
}

fn tombstone(row: &Row) -> Result<Stored, Failure> {
    let run = Column(5, "vault.erased_run").maybe_text(row)?;
    let seq = Column(6, "vault.erased_seq").maybe_int(row)?;
    Ok(match (run, seq) {
        (Some(run), Some(seq)) => Stored::Erased { run: run.to_owned(), seq: Seq::new(seq.cast_unsigned()) },
        _ => Stored::Missing,
    })
}

/// Finds the key of a family; `None` also when its row cannot be read, which verification then names.
pub(crate) async fn find_run_key(sessions: &Sessions, root: &RunRef) -> Result<Option<RunKey>, Failure> {
    let params = params![root.tenant.as_str().to_owned(), root.run.as_str().to_owned()];
    let rows = sessions.ask(FIND_RUN_KEY, params).await?;
    Ok(rows.first().and_then(key_of).map(RunKey::from_bytes))
}

/// Finds a tenant's key; `None` also when its row cannot be read.
pub(crate) async fn find_tenant_key(sessions: &Sessions, tenant: &TenantId) -> Result<Option<TenantKey>, Failure> {
    let rows = sessions.ask(FIND_TENANT_KEY, params![tenant.as_str().to_owned()]).await?;
    Ok(rows.first().and_then(key_of).map(TenantKey::from_bytes))
}

/// Returns a tenant's key, making `candidate` it where there is none.
pub(crate) async fn claim_tenant_key(
    sessions: &Sessions,
    tenant: &TenantId,
    candidate: &TenantKey,
) -> Result<TenantKey, StoreError> {
    let name = || tenant.as_str().to_owned();
    let mut rows = sessions.ask(FIND_TENANT_KEY, params![name()]).await?;
    if rows.is_empty() {
        let params = params![schema::KNOWN.cast_signed(), name(), candidate.expose().to_vec()];
        sessions.tell(KEEP_TENANT_KEY, params).await.map_err(written)?;
        // Another candidate may have been first.
        rows = sessions.ask(FIND_TENANT_KEY, params![name()]).await?;
    }
    let key = rows.first().and_then(key_of).map(TenantKey::from_bytes);
    key.ok_or_else(|| StoreError::Damaged { reason: format!("tenant_keys holds no readable key of {tenant}") })
}

/// Reads a key that is not wrapped.
fn key_of(row: &Row) -> Option<[u8; 32]> {
    let wrapped = Column(1, "wrap_id").maybe_text(row).ok()?.is_some();
    if wrapped { None } else { Column(0, "key").maybe_array(row).ok()? }
}
