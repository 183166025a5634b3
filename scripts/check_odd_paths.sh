#!/bin/sh
# Run make demo and make test on the last commit, in a clone whose path is an odd one.
#
#   scripts/check_odd_paths.sh                    both
#   scripts/check_odd_paths.sh demo               make demo alone
#   DEMO="--days 3 --users 200" scripts/check_odd_paths.sh
set -eu
project=$(cd "$(dirname "$0")/.." && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
clone="$temporary/my projects/föö [1]"
git clone --quiet "$project" "$clone"
# State belongs into the clone, as a newcomer's does.
unset FOOTFALL_HOME FOOTFALL_CACHE
for target in ${*:-demo test}; do
    make -C "$clone" --no-print-directory "$target" DEMO="${DEMO-}"
done
echo "make ${*:-demo test}: passed in $clone"
