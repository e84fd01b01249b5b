#!/usr/bin/env bash
# Five processes answer the same conversations on one Postgres server, while everything is done to them at random: the
# server is killed, backends are ended, replies are lost, rows are held, the network is split, and processes are stopped
# past everything that a store waits for, or killed. Then all that they said is compared with what is stored: each
# acknowledged answer was applied once and in its order, and nobody has read less than before. First processes that
# acknowledge too early, which must be caught. Prints what was counted, and ends with 1 if anything was wrong.
#
# Installs a server from Debian's packages where there is none, which needs root.
#
#   tests/faults/postgres.sh [ANSWERS]     100,000 answers that several processes gave, unless said otherwise
#   tests/faults/postgres.sh quick         a little of it, with the build that tests use
#   SEED=7 tests/faults/postgres.sh        what is done by this seed; when it meets whom is not
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
ANSWERS=${1:-100000}
PROFILE=release
if [ "$ANSWERS" = quick ]; then ANSWERS=1500 PROFILE=debug; fi
case $#:$ANSWERS in
    [01]:*[!0-9]* | [01]: | [!01]:*) echo "usage: $0 [ANSWERS|quick]" >&2; exit 2 ;;
esac
SEED=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
# shellcheck source=tests/postgres/setup.sh
. "$ROOT/tests/postgres/setup.sh"
cargo build --quiet --profile "${PROFILE/debug/dev}" --manifest-path "$ROOT/Cargo.toml" -p stube-tools --features postgres \
    --bin contention_postgres
"${CARGO_TARGET_DIR:-$ROOT/target}/$PROFILE/contention_postgres" contest "$ANSWERS" "$SEED"
