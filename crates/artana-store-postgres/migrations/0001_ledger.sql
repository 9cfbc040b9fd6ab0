-- Schema 1. Released migrations never change; a change of the schema is a new file.
-- Everything stands in a schema of its own, so that a store may share a database with an application.

DO $$ BEGIN
    -- Whoever prepared the schema need not have given the right to make one.
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'artana') THEN
        CREATE SCHEMA artana;
    END IF;
END $$;

CREATE TABLE artana.migrations (
    version    integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE artana.events (
    tenant    text COLLATE "C" NOT NULL,
    run       text COLLATE "C" NOT NULL,
    seq       bigint NOT NULL,
    event_id  bytea NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    step      text COLLATE "C",
    at        bigint NOT NULL,
    payload   bytea NOT NULL,
    prev_hash bytea NOT NULL,
    hash      bytea NOT NULL,
    PRIMARY KEY (tenant, run, seq)
);

-- Room on each page, because an append moves the run's row.
CREATE TABLE artana.runs (
    tenant      text COLLATE "C" NOT NULL,
    run         text COLLATE "C" NOT NULL,
    root        text COLLATE "C" NOT NULL,
    parent_run  text COLLATE "C",
    parent_seq  bigint,
    parent_hash bytea,
    status      text COLLATE "C" NOT NULL,
    head_seq    bigint NOT NULL,
    head_hash   bytea NOT NULL,
    started_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    steps       bigint NOT NULL,
    pending     bigint NOT NULL,
    unknown     bigint NOT NULL,
    drifts      bigint NOT NULL,
    last_step   text COLLATE "C",
    failed_step text COLLATE "C",
    labels      text COLLATE "C" NOT NULL,
    queue       text COLLATE "C",
    priority    bigint,
    due_at      bigint,
    lease_owner bytea,
    lease_epoch bigint NOT NULL,
    PRIMARY KEY (tenant, run)
) WITH (fillfactor = 70);

CREATE TABLE artana.vault (
    tenant     text COLLATE "C" NOT NULL,
    root       text COLLATE "C" NOT NULL,
    digest     bytea NOT NULL,
    len        bigint NOT NULL,
    codec      smallint NOT NULL,
    seal       smallint NOT NULL,
    nonce      bytea,
    bytes      bytea,
    erased_run text COLLATE "C",
    erased_seq bigint,
    PRIMARY KEY (tenant, root, digest)
);

CREATE TABLE artana.run_keys (
    tenant     text COLLATE "C" NOT NULL,
    root       text COLLATE "C" NOT NULL,
    key        bytea,
    wrap_id    text COLLATE "C",
    erased_run text COLLATE "C",
    erased_seq bigint,
    PRIMARY KEY (tenant, root)
);

CREATE TABLE artana.tenant_keys (
    tenant  text COLLATE "C" PRIMARY KEY,
    key     bytea NOT NULL,
    wrap_id text COLLATE "C"
);
