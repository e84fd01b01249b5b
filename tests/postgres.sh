#!/usr/bin/env bash
# Runs the tests of the Postgres store, on servers that they start and kill. Installs a server from Debian's packages
# where there is none, which needs root.
#
#     tests/postgres.sh
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v initdb > /dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null; then
    echo 'installing a Postgres server'
    apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql > /dev/null
fi
exec cargo test --features postgres --test postgres "$@"
