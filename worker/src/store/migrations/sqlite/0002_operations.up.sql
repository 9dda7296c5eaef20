-- Switches of the operator: a row that is there is on. 'paused': nothing new is built or run.
CREATE TABLE flags (
    name   TEXT   PRIMARY KEY,
    set_at BIGINT NOT NULL
);

-- Processes that work on this store; one that has not been heard of for some leases is gone.
CREATE TABLE workers (
    name       TEXT   PRIMARY KEY,                -- machine/pid
    roles      TEXT   NOT NULL,                   -- comma-separated
    version    TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    beat_at    BIGINT NOT NULL
);
