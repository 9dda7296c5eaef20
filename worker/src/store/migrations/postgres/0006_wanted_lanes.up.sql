-- Which process waits for the key, the one with the fewest keys of those that do, and until when that holds.
ALTER TABLE lanes ADD COLUMN wanted_by TEXT;
ALTER TABLE lanes ADD COLUMN wanted_until BIGINT NOT NULL DEFAULT 0;
