# What the scripts that start Postgres servers share. Sourced, not run. Installs a server from Debian's packages where
# there is none, which needs root. Puts directories of servers in memory, where there is room: what only needs to
# survive a kill is safe there, because a kill takes nothing from the page cache.
# shellcheck shell=bash

if ! command -v initdb > /dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null; then
    echo 'installing a Postgres server'
    apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql > /dev/null
fi

if [ "$(df --output=avail -k /dev/shm 2> /dev/null | tail -1)" -gt 4000000 ] 2> /dev/null; then
    TMPDIR=$(mktemp -d -p /dev/shm)
else
    TMPDIR=$(mktemp -d)
fi
export TMPDIR
# The user whom a server runs as must come to its directory in there.
chmod 755 "$TMPDIR"
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT TERM
