#!/usr/bin/env bash
# Build and test the nodes that differ from a stored manifest, and what reads them.
#
#     scripts/build_changed.sh FOLDER      with the manifest.json of the build that made the tables of this home
#
# A table is built anew: its rows of before were made by the former code.
set -euo pipefail
cd "$(dirname "$0")/.."
state=$1
changed=$(.venv/bin/dbt --quiet ls --select state:modified+ --state "$state" \
    --resource-type model --resource-type seed --resource-type snapshot --resource-type test)
if [ -z "$changed" ]; then
    echo "No node differs from $state."
    exit 0
fi
echo "$changed"
.venv/bin/dbt build --select state:modified+ --state "$state" --full-refresh
