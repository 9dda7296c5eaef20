DROP TRIGGER receipt_replaced;
DROP TABLE earlier_receipts;
