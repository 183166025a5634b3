#!/usr/bin/env bash
# A daily run without an orchestrator, for cron and systemd: ingest, build, catch up, export, maintain.
#
#     FOOTFALL_LANDING=/data/landing FOOTFALL_EXPORT=/data/sequences daily.sh
#
# A run after one that failed continues it: what was loaded and built stays.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH="$PWD/.venv/bin:$PATH"

# However the run ends: one message for each test or model that failed, or passes again.
if [ -n "${FOOTFALL_ALERT_WEBHOOK:-}" ]; then
    trap 'code=$?; footfall alerts || true; exit "$code"' EXIT
fi

footfall ingest --landing "$FOOTFALL_LANDING"
dbt build --exclude-resource-type unit_test
footfall backfill --gaps
footfall export-sequences --date newest --out "$FOOTFALL_EXPORT"
footfall maintain
