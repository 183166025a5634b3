"""Spark on one machine: its Java, jars, session, and what they report."""
