ALTER TABLE jobs DROP COLUMN provenance;
