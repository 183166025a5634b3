"""footfall: the jobs around the dbt project (generate, ingest, export, report)."""

__version__ = "0.1.0"
