# Installs a Postgres server from Debian's packages where there is none, which needs root. Sourced, not run.
# shellcheck shell=bash

if ! command -v initdb > /dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null; then
    echo 'installing a Postgres server'
    apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql > /dev/null
fi
