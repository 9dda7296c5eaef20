-- What was asked for, in a table of its own: a job's row is written at each of its steps, and need not carry along what
-- never changes.
CREATE TABLE requests (
    job_id TEXT PRIMARY KEY,
    source TEXT NOT NULL,                          -- JSON of the code source; stays
    body   BLOB                                    -- JSON of the whole request; cleared when the job is over
);
INSERT INTO requests SELECT id, source, CAST(request AS BLOB) FROM jobs;

-- A column that a check names cannot be dropped, so the table is made anew; and those that refer to it are made anew
-- around that, because a table that is dropped takes along what refers to it.
CREATE TABLE outbox_aside AS SELECT * FROM outbox;
CREATE TABLE earlier_receipts_aside AS SELECT * FROM earlier_receipts;
DROP TRIGGER receipt_replaced;
DROP TABLE earlier_receipts;
DROP TABLE outbox;
CREATE TABLE jobs_anew (
    id              TEXT    PRIMARY KEY,          -- request_id:data_id; request 0 was submitted here, not on a chain
    request_id      BIGINT  NOT NULL,
    sender_id       TEXT    NOT NULL,
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

    provenance      TEXT,
    cancelled       BIGINT  NOT NULL DEFAULT 0,
    reopened        BIGINT  NOT NULL DEFAULT 0,
    waits_from      BIGINT  NOT NULL DEFAULT 0,

    CHECK ((state = 'running') = (lease_owner IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('completed', 'failed')) = (ending IS NOT NULL)),
    CHECK ((state IN ('completed', 'failed')) = (closed_at IS NOT NULL))
);
INSERT INTO jobs_anew (id, request_id, sender_id, seen_height, deadline, turn, stage, state, attempts, not_before, lease_owner,
    lease_until, ending, code, note, wasm_sha256, wasm_path, full_commit, toolchain, created_at, build_at,
    built_at, execute_at, executed_at, publish_at, closed_at, provenance, cancelled, reopened, waits_from)
SELECT id, request_id, sender_id, seen_height, deadline, turn, stage, state, attempts, not_before, lease_owner,
    lease_until, ending, code, note, wasm_sha256, wasm_path, full_commit, toolchain, created_at, build_at,
    built_at, execute_at, executed_at, publish_at, closed_at, provenance, cancelled, reopened, waits_from
FROM jobs;
DROP TABLE jobs;
ALTER TABLE jobs_anew RENAME TO jobs;
CREATE INDEX jobs_waiting ON jobs (stage, turn, deadline, request_id) WHERE state = 'waiting';
CREATE INDEX jobs_delayed ON jobs (stage, not_before) WHERE state = 'waiting' AND not_before > 0;
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_due ON jobs (deadline) WHERE closed_at IS NULL;
CREATE INDEX jobs_turns ON jobs (turn) WHERE closed_at IS NULL;
CREATE INDEX jobs_of_sender ON jobs (sender_id, turn) WHERE closed_at IS NULL;
CREATE INDEX jobs_by_request ON jobs (request_id);
CREATE TABLE outbox (
    job_id   TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    response BLOB,                                -- borsh of the response; cleared when the job is over
    run      TEXT,                                -- JSON of how the program was run; null when it was not
    receipt  TEXT,                                -- JSON of the signed receipt whose digest was sent; stays
    tx_hash  TEXT,                                -- the last transaction sent with it
    sent_at  BIGINT
);
INSERT INTO outbox SELECT * FROM outbox_aside;
DROP TABLE outbox_aside;
CREATE TABLE earlier_receipts (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    receipt TEXT NOT NULL                          -- JSON of the signed receipt
);
INSERT INTO earlier_receipts SELECT * FROM earlier_receipts_aside;
DROP TABLE earlier_receipts_aside;
CREATE INDEX earlier_receipts_of_job ON earlier_receipts (job_id, number);
CREATE TRIGGER receipt_replaced AFTER UPDATE OF receipt ON outbox
WHEN OLD.receipt IS NOT NULL AND NEW.receipt IS NOT OLD.receipt
BEGIN
    INSERT INTO earlier_receipts (job_id, receipt) VALUES (OLD.job_id, OLD.receipt);
    DELETE FROM earlier_receipts WHERE job_id = OLD.job_id AND number <= (
        SELECT number FROM earlier_receipts WHERE job_id = OLD.job_id ORDER BY number DESC LIMIT 1 OFFSET 32
    );
END;
