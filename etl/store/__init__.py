"""The customer's database: tables, writes, the ledger of batch days, the lock and the pace table."""
