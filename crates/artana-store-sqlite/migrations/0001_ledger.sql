-- Schema 1. Released migrations never change; a change of the schema is a new file.

CREATE TABLE events (
    tenant    TEXT NOT NULL,
    run       TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    event_id  BLOB NOT NULL,
    kind      TEXT NOT NULL,
    step      TEXT,
    at        INTEGER NOT NULL,
    payload   BLOB NOT NULL,
    prev_hash BLOB NOT NULL,
    hash      BLOB NOT NULL,
    PRIMARY KEY (tenant, run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    tenant      TEXT NOT NULL,
    run         TEXT NOT NULL,
    root        TEXT NOT NULL,
    parent_run  TEXT,
    parent_seq  INTEGER,
    parent_hash BLOB,
    status      TEXT NOT NULL,
    head_seq    INTEGER NOT NULL,
    head_hash   BLOB NOT NULL,
    started_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    steps       INTEGER NOT NULL,
    pending     INTEGER NOT NULL,
    unknown     INTEGER NOT NULL,
    drifts      INTEGER NOT NULL,
    last_step   TEXT,
    failed_step TEXT,
    labels      TEXT NOT NULL,
    queue       TEXT,
    priority    INTEGER,
    due_at      INTEGER,
    lease_owner BLOB,
    lease_epoch INTEGER NOT NULL,
    PRIMARY KEY (tenant, run)
) STRICT, WITHOUT ROWID;

-- With a rowid: content is appended in the order it comes, and a large row costs no search key.
CREATE TABLE vault (
    tenant     TEXT NOT NULL,
    root       TEXT NOT NULL,
    digest     BLOB NOT NULL,
    len        INTEGER NOT NULL,
    codec      INTEGER NOT NULL,
    seal       INTEGER NOT NULL,
    nonce      BLOB,
    bytes      BLOB,
    erased_run TEXT,
    erased_seq INTEGER,
    PRIMARY KEY (tenant, root, digest)
) STRICT;

CREATE TABLE run_keys (
    tenant     TEXT NOT NULL,
    root       TEXT NOT NULL,
    key        BLOB,
    wrap_id    TEXT,
    erased_run TEXT,
    erased_seq INTEGER,
    PRIMARY KEY (tenant, root)
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant_keys (
    tenant  TEXT NOT NULL,
    key     BLOB NOT NULL,
    wrap_id TEXT,
    PRIMARY KEY (tenant)
) STRICT, WITHOUT ROWID;

PRAGMA application_id = 0x41727461;
PRAGMA user_version = 1;
