#!/usr/bin/env bash
# All that is done to the stores, as often as it takes to believe them: see the parts below. Runs every part, prints
# what was counted, and ends with 1 if anything acknowledged was lost, anything was applied twice, any damage was not
# found, or a control was not caught.
#
#   tests/faults/campaign.sh                   all parts, about 15 minutes; as root
#   tests/faults/campaign.sh cuts 10000        power cuts: both stores on ext4, ext4 without its safeguards, and XFS
#   tests/faults/campaign.sh kills 50000       SIGKILL before every system call, then at random moments: both stores
#   tests/faults/campaign.sh answers 100000    answers that several processes gave, on one SQLite file
#   tests/faults/campaign.sh damages 40000     bits flipped, bytes lost, sectors zeroed in the files of both stores
#   tests/faults/campaign.sh outages 20        the disk frozen, full, and out of room behind the file system: both stores
#   tests/faults/campaign.sh quick             a little of each, with the build that tests use; as root
#
# What only needs to survive a kill is kept in memory, where there is room: a kill takes nothing from the page cache.
# For power cuts the disk is in memory, and forgets what was not synced to it.

set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$HERE/../..
PROFILE=release
SCRATCH=$(mktemp -d)
MEMORY=$SCRATCH
if [ -d /dev/shm ]; then MEMORY=$(mktemp -d -p /dev/shm); fi
trap 'rm -rf "$SCRATCH" "$MEMORY"' EXIT
trap 'exit 130' INT TERM
FAILED=()

usage() {
    echo "usage: $0 [cuts|kills|answers|damages|outages [NUMBER] | quick]" >&2
    exit 2
}

# Runs a command and says how it went; the others are run all the same.
try() {
    printf '\n== %s\n' "$*"
    if ! "$@" 2>&1 | tee -a "$SCRATCH/output"; then FAILED+=("$*"); fi
}

seed() { od -An -N4 -tu4 /dev/urandom | tr -d ' '; }

torture() {
    mkdir "$MEMORY/t"
    local status=0
    "$TORTURE" "$@" || status=$?
    rm -rf "$MEMORY/t"
    return "$status"
}

cuts() {
    local sixth=$((($1 + 5) / 6))
    for store in "" --sqlite; do
        # shellcheck disable=SC2086  # an empty word is no argument
        try "$HERE/power_cuts.sh" $store "$sixth"
        # shellcheck disable=SC2086
        try env OPT=data=writeback,noauto_da_alloc "$HERE/power_cuts.sh" $store "$sixth"
        # shellcheck disable=SC2086
        try "$HERE/power_cuts.sh" --xfs $store "$sixth"
    done
}

kills() {
    local made half
    try env RELEASE=1 ROUNDS=120 TMPDIR="$MEMORY" "$HERE/kill_at_every_syscall.sh"
    try env RELEASE=1 ROUNDS=120 TMPDIR="$MEMORY" "$HERE/kill_at_every_syscall.sh" --sqlite
    try env RELEASE=1 ROUNDS=120 TMPDIR="$MEMORY" "$HERE/kill_at_every_syscall.sh" --inline
    try env RELEASE=1 ROUNDS=120 TMPDIR="$MEMORY" "$HERE/kill_at_every_syscall.sh" --sqlite --inline
    made=$(awk '/^[0-9]+ kills$/ { all += $1 } END { print all + 0 }' "$SCRATCH/output")
    half=$((($1 - made + 1) / 2))
    [ "$half" -gt 0 ] || return 0
    try torture kill "$MEMORY/t" "$half" "$(seed)"
    try torture --store sqlite kill "$MEMORY/t" "$half" "$(seed)"
}

damages() {
    try torture flip "$MEMORY/t" "$((($1 + 1) / 2))" "$(seed)"
    try torture --store sqlite flip "$MEMORY/t" "$((($1 + 1) / 2))" "$(seed)"
}

outages() { try env RELEASE=1 "$HERE/outages.sh" "$1"; }

answers() { try torture --store sqlite contest "$MEMORY/t" "$1" "$(seed)"; }

PART=${1:-all}
case $#:$PART in
    0:all | 1:quick | [12]:cuts | [12]:kills | [12]:answers | [12]:damages | [12]:outages) ;;
    *) usage ;;
esac
case ${2:-1} in *[!0-9]* | '') usage ;; esac

if [ "$PART" = quick ]; then PROFILE=debug; fi
cargo build --quiet --profile "${PROFILE/debug/dev}" --manifest-path "$ROOT/Cargo.toml" -p stube-tools --bin torture
TORTURE=${CARGO_TARGET_DIR:-$ROOT/target}/$PROFILE/torture
touch "$SCRATCH/output"
if [ "$PART" = quick ]; then
    try torture kill "$MEMORY/t" 300 "$(seed)"
    try torture --store sqlite kill "$MEMORY/t" 300 "$(seed)"
    answers 2000
    damages 1000
    try env PROFILE=debug "$HERE/power_cuts.sh" 60
    try env PROFILE=debug "$HERE/power_cuts.sh" --sqlite 60
    try "$HERE/outages.sh" 1
fi
if [[ $PART = all || $PART = cuts ]]; then cuts "${2:-10000}"; fi
if [[ $PART = all || $PART = kills ]]; then kills "${2:-50000}"; fi
if [[ $PART = all || $PART = answers ]]; then answers "${2:-100000}"; fi
if [[ $PART = all || $PART = damages ]]; then damages "${2:-40000}"; fi
if [[ $PART = all || $PART = outages ]]; then outages "${2:-20}"; fi

printf '\n== all together\n'
awk '
    /^[0-9]+ cuts, .* each$/ { cuts += $1 }
    /^[0-9]+ kills$/ { kills += $1 }
    /^[0-9]+ kills, / { kills += $1 }
    /^[0-9]+ contested answers / { answers += $1 }
    /^[0-9]+ damages, / { damages += $1 }
    /^[0-9]+ outages, / { outages += $1 }
    /^VIOLATION/ { violations++ }
    END {
        printf "%d power cuts, %d kills, %d contested answers, %d damages, %d outages: ", cuts, kills, answers, damages, outages
        print violations ? violations " violations" : "no violation"
    }' "$SCRATCH/output"
for command in "${FAILED[@]}"; do echo "FAILED $command"; done
[ "${#FAILED[@]}" -eq 0 ]
