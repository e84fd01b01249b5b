#!/usr/bin/env bash
# Runs the tests of the Postgres store, on servers that they start and kill. Installs a server from Debian's packages
# where there is none, which needs root.
#
#     tests/postgres.sh
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/postgres/setup.sh
. tests/postgres/setup.sh
cargo test --features postgres --test postgres "$@"
