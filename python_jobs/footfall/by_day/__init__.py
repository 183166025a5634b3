"""Models whose days are independent: DuckDB computes each, and Delta takes all in one commit.

A model with ``meta: {by_day: true}`` makes each partition from the same partition of its inputs.
Its SQL is translated into DuckDB's dialect, so that there is one definition, and run once a day on
the Parquet files that Delta's log names. docs/by-day.md tells when, and what it saves.
"""
