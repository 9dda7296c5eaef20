ALTER TABLE jobs ADD COLUMN source TEXT;
ALTER TABLE jobs ADD COLUMN request TEXT;
UPDATE jobs SET source = requests.source, request = convert_from(requests.body, 'UTF8')
FROM requests WHERE requests.job_id = jobs.id;
ALTER TABLE jobs ALTER COLUMN source SET NOT NULL;
ALTER TABLE jobs ADD CHECK (state NOT IN ('completed', 'failed') OR request IS NULL);
DROP TABLE requests;
