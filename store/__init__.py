"""What is kept: records, the catalogue (SQLite), the caption memory (Chroma), the edit log, the usage ledger."""
