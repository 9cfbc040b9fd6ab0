-- Schema 2: what runs have in common: lives, queues, money, names, rates.

-- Only what waits in a queue is in the index, so that other runs pay nothing for it. What is due of one queue and
-- priority stands together there, in order, so that nobody looks at runs of other queues or of later times.
CREATE INDEX runs_due ON runs (queue, priority DESC, due_at, tenant, run) WHERE queue IS NOT NULL;

CREATE TABLE heartbeats (
    incarnation BLOB NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (incarnation)
) STRICT, WITHOUT ROWID;

-- Amounts are unsigned: their 64 bits are kept as they are.
CREATE TABLE accounts (
    tenant   TEXT NOT NULL,
    account  TEXT NOT NULL,
    settled  INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    PRIMARY KEY (tenant, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE reservations (
    tenant  TEXT NOT NULL,
    account TEXT NOT NULL,
    holder  BLOB NOT NULL,
    amount  INTEGER NOT NULL,
    PRIMARY KEY (tenant, account, holder)
) STRICT, WITHOUT ROWID;

CREATE TABLE uniques (
    tenant TEXT NOT NULL,
    key    TEXT NOT NULL,
    holder BLOB NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

-- One row for each key and window length, holding the window that is now open.
CREATE TABLE rates (
    tenant  TEXT NOT NULL,
    key     TEXT NOT NULL,
    window  INTEGER NOT NULL,
    starts  INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    PRIMARY KEY (tenant, key, window)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;
