#!/usr/bin/env bash
# Takes the disk away from the stores for a while, and looks at what people are told meanwhile and what is there
# afterwards: outages.rs says what is checked. As root, on file systems in files that are mounted here.
#
#   frozen   the file system takes nothing and answers nothing, as when a network volume hangs
#   full     there is no room left
#   late     the disk under the file system is out of room: a write seems to succeed, and only the sync fails; each time
#            on a new disk. With SQLite nobody begins a conversation, so that only the log grows: where its file has to,
#            ext4 damages it, as it does the engine's alone
#
# First people who acknowledge before they answer, which must be caught.
#
#   tests/faults/outages.sh [TIMES]      3 times each unless said otherwise

set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
TIMES=${1:-3}
case $#:$TIMES in
    [01]:*[!0-9]* | [01]: | [!01]:*) echo "usage: $0 [TIMES]" >&2; exit 2 ;;
esac
PROFILE=debug
if [ -n "${RELEASE:-}" ]; then PROFILE=release; fi
cargo build --quiet ${RELEASE:+--release} --manifest-path "$ROOT/Cargo.toml" -p stube-tools --bin torture
TORTURE=${CARGO_TARGET_DIR:-$ROOT/target}/$PROFILE/torture

SCRATCH=$(mktemp -d)
M=$SCRATCH/m
THIN=$SCRATCH/thin
clean() {
    fsfreeze -u "$M" 2>/dev/null || true
    umount "$M" 2>/dev/null || true
    umount "$THIN" 2>/dev/null || true
    rm -rf --one-file-system "$SCRATCH"
}
trap clean EXIT
trap 'exit 130' INT TERM
mkdir "$M" "$THIN"
FAILED=0

# Of the file system in a file: its size, and what else it is made with.
make() { rm -f "$1"; truncate -s "$2" "$1"; mkfs.ext4 -qF "${@:3}" "$1"; }

# One kind of outage for one store, with the commands that begin and end it.
outage() {
    local how=$1 store=$2 image=$3 options=$4 begin=$5 end=$6 well=0
    local program=("$TORTURE")
    if [ "$store" = sqlite ]; then program+=(--store sqlite); fi
    mount -o "loop$options" "$image" "$M"
    "${program[@]}" "$how" "$M/d" "$SCRATCH/log" "$begin" "$end" "$TIMES" || well=1
    # If the program has not ended well, it may still be frozen, and would not be unmounted.
    fsfreeze -u "$M" 2>/dev/null || true
    # What is in the cache of this machine does not count.
    umount "$M"
    mount -o "loop$options" "$image" "$M"
    "${program[@]}" counted "$M/d" "$SCRATCH/log" || well=1
    umount "$M"
    return "$well"
}

try() {
    local how=outage
    if [ "$1 $2" = 'late sqlite' ]; then how=outage-answers; fi
    printf '\n%s, the %s store\n' "$1" "$2"
    outage "$how" "${@:2}" || FAILED=1
}

for store in file sqlite; do
    make "$SCRATCH/image" 64M
    if TIMES=1 outage outage-early "$store" "$SCRATCH/image" "" "fsfreeze -f '$M'" "fsfreeze -u '$M'" >"$SCRATCH/control"; then
        echo "the control was not caught" >&2
        exit 1
    fi
    echo "control, $store: caught in $(grep -c '^VIOLATION' "$SCRATCH/control") conversations"

    make "$SCRATCH/image" 64M
    try frozen "$store" "$SCRATCH/image" "" "fsfreeze -f '$M'" "fsfreeze -u '$M'"

    make "$SCRATCH/image" 64M
    fill="cat /dev/zero >'$M/fill' 2>/dev/null || true; sync -f '$M' 2>/dev/null || true"
    try full "$store" "$SCRATCH/image" "" "$fill; $fill" "rm '$M/fill'"

    for ((time = 0; time < TIMES; time++)); do
        mount -t tmpfs -o size=24m none "$THIN"
        make "$THIN/image" 200M -b 4096 -O ^has_journal
        TIMES=1 try late "$store" "$THIN/image" ,discard "cat /dev/zero >'$THIN/fill' 2>/dev/null || true" "rm '$THIN/fill'"
        umount "$THIN"
    done
done
exit "$FAILED"
