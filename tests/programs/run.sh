#!/usr/bin/env bash
# Runs random programs as async functions and as flows, and compares. Prints the seed; exits with 1 if any differs.
#
#   tests/programs/run.sh                        2000 programs of a new seed
#   tests/programs/run.sh --quick                200 of them
#   tests/programs/run.sh --count N --seed S     N programs, from this seed on
#   tests/programs/run.sh --seed S --count 1 --shrink
#                                                one again, made as small as it still fails
set -euo pipefail
cd "$(dirname "$0")/../.."
exec cargo run --quiet -p stube-tools --bin programs -- "$@"
