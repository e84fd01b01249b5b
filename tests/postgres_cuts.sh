#!/usr/bin/env bash
# Checks on Postgres what the contract of stores says of power cuts, on a server whose disk loses power: more than 700
# times, after and during every short sequence of changes. Takes about five minutes.
#
# The disk is a file in memory with an ext4 of its own (disk.rs says how its power is cut). Whatever the server has not
# synced to it is gone then; the server dies, is started on what is left, and a store is opened on that. By its own
# settings the server would acknowledge before it syncs, so the store must ask it not to. First a server whose syncs do
# nothing, which must break every promise about power cuts.
#
# Needs root and Linux. Installs a server and eatmydata from Debian's packages where they are missing, and leaves nothing
# mounted behind.
#
#     tests/postgres_cuts.sh
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
    echo 'only root may mount what loses power' >&2
    exit 2
fi
# shellcheck source=tests/postgres/setup.sh
. tests/postgres/setup.sh
# The loader complains of a library that it does not find, and goes on without it.
if [ -n "$(LD_PRELOAD=libeatmydata.so true 2>&1)" ]; then
    echo 'installing eatmydata'
    apt-get update -qq && apt-get install -y -qq --no-install-recommends eatmydata > /dev/null
fi
export STUBE_CUTS=$TMPDIR/cuts
mkdir "$STUBE_CUTS"

# Ends what still works in this directory: a test that was stopped leaves its server behind.
kill_in() {
    local process
    for process in /proc/[0-9]*; do
        if [ "$(readlink "$process/cwd")" = "$1" ]; then kill -KILL "${process#/proc/}" 2> /dev/null || true; fi
    done
}
clean() {
    local mount
    for mount in "$STUBE_CUTS"/*/mount; do
        for _ in {1..50}; do
            mountpoint -q "$mount" || break
            kill_in "$mount/data"
            umount "$mount" 2> /dev/null || sleep 0.1
        done
    done
    rm -rf --one-file-system "$TMPDIR"
}
trap clean EXIT
cargo test --features postgres --test postgres contract:: -- --nocapture "$@"
