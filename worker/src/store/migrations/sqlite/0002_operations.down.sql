DROP TABLE workers;
DROP TABLE flags;
