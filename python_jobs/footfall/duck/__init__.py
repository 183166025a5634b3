"""The home's Delta tables by DuckDB, without Java: queries, and files for BI tools."""

from footfall.duck.query import Answer, OnlySparkError, answer, ask, ask_spark
from footfall.duck.share import ShareReport, share

__all__ = ["Answer", "OnlySparkError", "ShareReport", "answer", "ask", "ask_spark", "share"]
