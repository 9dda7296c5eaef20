ALTER TABLE lanes DROP COLUMN wanted_until;
ALTER TABLE lanes DROP COLUMN wanted_by;
