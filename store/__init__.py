"""What is kept: records, catalogue (SQLite), caption memory (Chroma), edit log, usage ledger."""
