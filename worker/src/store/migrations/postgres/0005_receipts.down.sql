DROP TRIGGER receipt_replaced ON outbox;
DROP FUNCTION keep_earlier_receipt();
DROP TABLE earlier_receipts;
