-- Schema 2: what runs have in common: lives, queues, money, names, rates.

-- Only what waits in a queue is in the indexes, so that other runs pay nothing for them. What is due of one queue and
-- priority stands together, in order, so that nobody looks at runs of other queues or of later times; and what somebody
-- holds stands by its holder, so that nobody looks at what the living drive.
CREATE INDEX runs_due ON artana.runs (queue, priority DESC, due_at, tenant, run)
    WHERE queue IS NOT NULL AND lease_owner IS NULL;
CREATE INDEX runs_held ON artana.runs (lease_owner) WHERE queue IS NOT NULL AND lease_owner IS NOT NULL;

-- A life that was ended has the negative of the time it ended at, which no clock brings back.
CREATE TABLE artana.heartbeats (
    incarnation bytea PRIMARY KEY,
    expires_at  bigint NOT NULL,
    ttl         bigint NOT NULL
) WITH (fillfactor = 50);

-- The keys of claims are bytes: an application may put anything into them.
CREATE TABLE artana.accounts (
    tenant   text COLLATE "C" NOT NULL,
    account  bytea NOT NULL,
    settled  numeric(20) NOT NULL,
    reserved numeric(20) NOT NULL,
    PRIMARY KEY (tenant, account)
) WITH (fillfactor = 50);

CREATE TABLE artana.reservations (
    tenant  text COLLATE "C" NOT NULL,
    account bytea NOT NULL,
    holder  bytea NOT NULL,
    amount  numeric(20) NOT NULL,
    PRIMARY KEY (tenant, account, holder)
);

CREATE TABLE artana.uniques (
    tenant text COLLATE "C" NOT NULL,
    key    bytea NOT NULL,
    holder bytea NOT NULL,
    PRIMARY KEY (tenant, key)
);

-- One row for each key and window length, holding the window that is now open.
CREATE TABLE artana.rates (
    tenant  text COLLATE "C" NOT NULL,
    key     bytea NOT NULL,
    span    bigint NOT NULL,
    starts  bigint NOT NULL,
    counted numeric(20) NOT NULL,
    PRIMARY KEY (tenant, key, span)
) WITH (fillfactor = 50);

-- Who is followed: an append notifies only where somebody listens, because a commit that notifies takes a lock
-- which all such commits of the server share. Lost in a crash, and nobody misses it: followers also ask.
CREATE UNLOGGED TABLE artana.followed (
    tenant text COLLATE "C" NOT NULL,
    run    text COLLATE "C" NOT NULL,
    until  bigint NOT NULL,
    PRIMARY KEY (tenant, run)
);
