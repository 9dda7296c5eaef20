DROP TABLE lanes;
DROP TABLE outbox;
DROP TABLE jobs;
DROP TABLE cursor;
DROP TABLE identity;
