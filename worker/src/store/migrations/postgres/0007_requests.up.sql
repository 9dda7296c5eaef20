-- What was asked for, in a table of its own: a job's row is written at each of its steps, and need not carry along what
-- never changes.
CREATE TABLE requests (
    job_id TEXT PRIMARY KEY,
    source TEXT NOT NULL,                          -- JSON of the code source; stays
    body   BYTEA                                   -- JSON of the whole request; cleared when the job is over
);
INSERT INTO requests SELECT id, source, convert_to(request, 'UTF8') FROM jobs;
ALTER TABLE jobs DROP COLUMN request;
ALTER TABLE jobs DROP COLUMN source;
