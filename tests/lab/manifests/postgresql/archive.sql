-- The owner's second database, which no share of the first may open.
SET SESSION AUTHORIZATION :"owner";
CREATE SCHEMA ledgers;
CREATE TABLE ledgers.entries (year integer PRIMARY KEY, total numeric(10, 2) NOT NULL);
INSERT INTO ledgers.entries VALUES (2024, 1024.00), (2025, 2048.00);
GRANT USAGE ON SCHEMA ledgers TO analysts;
GRANT SELECT ON ledgers.entries TO analysts;
