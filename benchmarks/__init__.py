"""Benchmarks: each is a module with ``--json``, on the helpers of ``benchmarks.harness``."""
