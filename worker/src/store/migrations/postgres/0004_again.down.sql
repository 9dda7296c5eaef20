ALTER TABLE jobs DROP COLUMN waits_from;
ALTER TABLE jobs DROP COLUMN reopened;
ALTER TABLE jobs DROP COLUMN cancelled;
