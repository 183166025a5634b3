"""Tests that take minutes and that others cover in part run with ``FOOTFALL_THOROUGH=1`` only."""

from __future__ import annotations

import os

import pytest

THOROUGH = os.environ.get("FOOTFALL_THOROUGH", "") not in ("", "0")
"""Whether tests take all sources and all cuts of the real data, and not a few of each kind."""
only_thorough = pytest.mark.skipif(
    not THOROUGH, reason="takes minutes, and others cover it in part: set FOOTFALL_THOROUGH=1"
)
