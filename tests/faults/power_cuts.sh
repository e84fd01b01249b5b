#!/usr/bin/env bash
# Cuts the power of a file system while the program changes records on it, and checks after each cut that no
# acknowledged change is lost, nothing is torn and, for SQLite, the file is whole.
#
# The file system is ext4 in a file, mounted through a loop device. It is shut down by the ioctl that its own tests use,
# without flushing its journal: what was not synced is gone. That needs root, and leaves nothing behind.
#
# First a program that acknowledges too early loses power in the same way, and must be caught.
#
#   tests/faults/power_cuts.sh [--sqlite] [CUTS]      300 cuts unless said otherwise
#   OPT=data=writeback,noauto_da_alloc tests/faults/power_cuts.sh      mounted with these options

set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
CUTS=300
STORE=()
while [ $# -gt 0 ]; do
    case $1 in
        --sqlite) STORE=(--store sqlite) ;;
        *[!0-9]*) echo "usage: $0 [--sqlite] [CUTS]" >&2; exit 2 ;;
        *) CUTS=$1 ;;
    esac
    shift
done

cargo build --quiet --manifest-path "$ROOT/Cargo.toml" --example torture
TORTURE=("${CARGO_TARGET_DIR:-$ROOT/target}/debug/examples/torture" "${STORE[@]}")
SCRATCH=$(mktemp -d)
trap 'umount "$SCRATCH/m" 2>/dev/null || true; rm -rf "$SCRATCH"' EXIT
mkdir "$SCRATCH/m"
truncate -s 64M "$SCRATCH/image"
ACKS=0
LOST=0
DURING=0

mounted() { mount -o "loop,commit=300${OPT:+,$OPT}" "$SCRATCH/image" "$SCRATCH/m"; }

# EXT4_IOC_SHUTDOWN with NOLOGFLUSH. Prints how long the log was just before: a sync that is going on while the journal is
# aborted may say that all is well, which no power cut does, so what is acknowledged from then on may be lost.
power_off() {
    python3 - "$SCRATCH/m" "$SCRATCH/log" <<'END'
import fcntl, os, struct, sys
file_system, log, flags = os.open(sys.argv[1], 0), os.open(sys.argv[2], 0), struct.pack("I", 2)
length = os.fstat(log).st_size
fcntl.ioctl(file_system, 0x8004587d, flags)
print(length)
END
}

# Whether what is there is what a log says.
verified() { "${TORTURE[@]}" verify "$SCRATCH/m/d" "$1" 2>"$SCRATCH/verdict"; }

# One cut after so many milliseconds. The same file system goes on for ten cuts, so that starts after a cut are cut too.
cut_once() {
    local how=$1 number=$2 milliseconds=$3 pid length
    if [ $((number % 10)) -eq 0 ]; then
        mkfs.ext4 -qF "$SCRATCH/image"
        : >"$SCRATCH/log"
    fi
    mounted
    "${TORTURE[@]}" "$how" "$SCRATCH/m/d" 1000000 2>>"$SCRATCH/log" &
    pid=$!
    sleep "$(printf '0.%03d' "$milliseconds")"
    length=$(power_off)
    # Its calls fail from now on, and it ends by itself or here.
    { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null || true
    umount "$SCRATCH/m"
    mounted
    head -c "$length" "$SCRATCH/log" >"$SCRATCH/before"
    if verified "$SCRATCH/log"; then
        :
    elif [ "$how" = run ] && verified "$SCRATCH/before"; then
        # The next cut goes on from what is there.
        cp "$SCRATCH/before" "$SCRATCH/log"
        DURING=$((DURING + 1))
    else
        LOST=$((LOST + 1))
        if [ "$how" = run ]; then echo "VIOLATION after $milliseconds ms: $(cat "$SCRATCH/verdict")" >&2; fi
    fi
    umount "$SCRATCH/m"
}

for ((number = 0; number < 10; number++)); do cut_once run-early 0 $((40 + number * 7)); done
if [ "$LOST" -eq 0 ]; then echo "the control was not caught" >&2; exit 1; fi
echo "control: caught in $LOST of 10 cuts"
LOST=0

for ((number = 0; number < CUTS; number++)); do
    cut_once run "$number" $((20 + RANDOM % 130))
    if [ $((number % 10)) -eq 9 ] || [ $((number + 1)) -eq "$CUTS" ]; then
        ACKS=$((ACKS + $(grep -c '^ack' "$SCRATCH/log" || true)))
    fi
done
echo "$CUTS cuts, $ACKS acknowledged changes, $LOST violations ($DURING changes were lost that were synced during a cut)"
[ "$LOST" -eq 0 ] && [ "$ACKS" -gt 0 ]
