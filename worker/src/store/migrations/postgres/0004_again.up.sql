-- Whether an operator has cancelled the job: its program is not run any more, whatever becomes of the answer.
ALTER TABLE jobs ADD COLUMN cancelled BIGINT NOT NULL DEFAULT 0;
-- How often the job was taken up again because the chain waited for it although it was over.
ALTER TABLE jobs ADD COLUMN reopened BIGINT NOT NULL DEFAULT 0;
-- When not_before was written: before that moment the clock was set back, and the wait has no meaning.
ALTER TABLE jobs ADD COLUMN waits_from BIGINT NOT NULL DEFAULT 0;
