-- Whose requests this store holds: a store is for one contract on one chain.
CREATE TABLE identity (
    only_row    BIGINT PRIMARY KEY CHECK (only_row = 1),
    chain_id    TEXT NOT NULL,
    contract_id TEXT NOT NULL
);

-- The last block whose events are in this store.
CREATE TABLE cursor (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    height   BIGINT NOT NULL,
    hash     TEXT   NOT NULL
);

-- One row a request. Times are milliseconds since 1970.
CREATE TABLE jobs (
    id              TEXT    PRIMARY KEY,          -- request_id:data_id; request 0 was submitted here, not on a chain
    request_id      BIGINT  NOT NULL,
    sender_id       TEXT    NOT NULL,
    source          TEXT    NOT NULL,             -- JSON of the code source
    request         TEXT,                         -- JSON of the whole request; cleared at the end
    seen_height     BIGINT  NOT NULL,             -- the block that told of it
    deadline        BIGINT  NOT NULL,
    turn            BIGINT  NOT NULL,             -- fairness: a caller's n-th waiting job comes in the n-th round

    stage           TEXT    NOT NULL CHECK (stage IN ('build', 'execute', 'publish')),
    state           TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'completed', 'failed')),
    attempts        BIGINT  NOT NULL DEFAULT 0,   -- of this stage, the running one included
    not_before      BIGINT  NOT NULL DEFAULT 0,
    lease_owner     TEXT,
    lease_until     BIGINT,
    ending          TEXT,
    code            TEXT,                         -- of the failure that is, or was, to be said; null for a success
    note            TEXT,                         -- the last thing that went wrong

    wasm_sha256     TEXT,
    wasm_path       TEXT,
    full_commit     TEXT,
    toolchain       TEXT,

    created_at      BIGINT  NOT NULL,
    build_at        BIGINT,                       -- first begun
    built_at        BIGINT,
    execute_at      BIGINT,                       -- first begun
    executed_at     BIGINT,                       -- the outcome is durable
    publish_at      BIGINT,                       -- first begun
    closed_at       BIGINT,

    CHECK ((state = 'running') = (lease_owner IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('completed', 'failed')) = (ending IS NOT NULL)),
    CHECK ((state IN ('completed', 'failed')) = (closed_at IS NOT NULL)),
    CHECK (state NOT IN ('completed', 'failed') OR request IS NULL)
);

-- What a claim looks for: the next job of a stage, fair between callers, earliest deadline first within a round.
CREATE INDEX jobs_waiting ON jobs (stage, turn, deadline, request_id) WHERE state = 'waiting';
-- Those that wait for a moment; most need not wait at all.
CREATE INDEX jobs_delayed ON jobs (stage, not_before) WHERE state = 'waiting' AND not_before > 0;
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_due ON jobs (deadline) WHERE closed_at IS NULL;
CREATE INDEX jobs_turns ON jobs (turn) WHERE closed_at IS NULL;
CREATE INDEX jobs_of_sender ON jobs (sender_id, turn) WHERE closed_at IS NULL;
CREATE INDEX jobs_by_request ON jobs (request_id);

-- Answers on their way to the chain, written together with the outcome.
CREATE TABLE outbox (
    job_id   TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    response BYTEA,                               -- borsh of the response; cleared when the job is over
    run      TEXT,                                -- JSON of how the program was run; null when it was not
    receipt  TEXT,                                -- JSON of the signed receipt whose digest was sent; stays
    tx_hash  TEXT,                                -- the last transaction sent with it
    sent_at  BIGINT
);

-- The last nonce used with each access key, and which process sends with it now.
CREATE TABLE lanes (
    public_key  TEXT   PRIMARY KEY,
    last_nonce  BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT NOT NULL DEFAULT 0
);
