-- SHA-256 of the provenance statement of a job's program; null for one that was built elsewhere.
ALTER TABLE jobs ADD COLUMN provenance TEXT;
