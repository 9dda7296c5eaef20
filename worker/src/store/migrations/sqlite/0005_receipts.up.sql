-- Receipts that were sent for a job before another was. A transaction that nobody hears of any more may be executed yet,
-- so each of them is kept until the chain says which one counts; of one job the last 32.
CREATE TABLE earlier_receipts (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    receipt TEXT NOT NULL                          -- JSON of the signed receipt
);
CREATE INDEX earlier_receipts_of_job ON earlier_receipts (job_id, number);

-- Here, and not in the statements that replace a receipt: none of them can forget it, and the others pay nothing.
CREATE TRIGGER receipt_replaced AFTER UPDATE OF receipt ON outbox
WHEN OLD.receipt IS NOT NULL AND NEW.receipt IS NOT OLD.receipt
BEGIN
    INSERT INTO earlier_receipts (job_id, receipt) VALUES (OLD.job_id, OLD.receipt);
    DELETE FROM earlier_receipts WHERE job_id = OLD.job_id AND number <= (
        SELECT number FROM earlier_receipts WHERE job_id = OLD.job_id ORDER BY number DESC LIMIT 1 OFFSET 32
    );
END;
