#!/usr/bin/env bash
# Runs random programs as async functions and as flows, and compares. Prints the seed; exits with 1 if any differs.
#
#   tests/programs/run.sh              2000 programs of a new seed
#   tests/programs/run.sh --quick      300 of them
#   tests/programs/run.sh --seed S --count 1
set -euo pipefail
cd "$(dirname "$0")/../.."
exec cargo run --quiet --example programs -- "$@"
