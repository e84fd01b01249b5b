#!/usr/bin/env bash
# Cuts the power of a file system while the program changes records on it, and checks after each cut that no
# acknowledged change is lost, nothing is torn and, for SQLite, the file is whole.
#
# The disk is one in memory that remembers what was written to it, and when it was told to sync (disk.rs). So a cut is
# a place in that record, the same for the disk and for what was acknowledged: disk.rs says why nothing that was
# acknowledged before it may be missing. Half of the cuts fall just after an acknowledgement; of what was not synced
# they keep nothing, all, or some. It needs root, and leaves nothing behind.
#
# First a program that acknowledges too early and a disk that does not sync lose power in the same way, and each must
# be caught.
#
#   tests/faults/power_cuts.sh [--sqlite] [--xfs] [CUTS]      300 cuts on ext4 unless said otherwise
#   OPT=data=writeback,noauto_da_alloc tests/faults/power_cuts.sh      mounted with these options
#   SEED=7 tests/faults/power_cuts.sh      the cuts of this seed; the program's timing is its own
#   PROFILE=debug tests/faults/power_cuts.sh      with the build that tests use

set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
CUTS=300
STORE=()
FILE_SYSTEM=ext4
while [ $# -gt 0 ]; do
    case $1 in
        --sqlite) STORE=(--store sqlite) ;;
        --xfs) FILE_SYSTEM=xfs ;;
        *[!0-9]* | '') echo "usage: $0 [--sqlite] [--xfs] [CUTS]" >&2; exit 2 ;;
        *) CUTS=$1 ;;
    esac
    shift
done
SEED=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
# What is not synced stays in memory until the cut: ext4 would write it after 5 seconds. XFS has no such option.
case $FILE_SYSTEM in
    ext4) MEBIBYTES=64 OPTIONS=commit=300${OPT:+,$OPT} ;;
    xfs) MEBIBYTES=300 OPTIONS=${OPT:-} ;;
esac
if ! command -v "mkfs.$FILE_SYSTEM" >/dev/null; then
    apt-get install -qq -y xfsprogs >/dev/null || { echo "xfsprogs is missing and cannot be installed" >&2; exit 2; }
fi

PROFILE=${PROFILE:-release}
cargo build --quiet --profile "${PROFILE/debug/dev}" --manifest-path "$ROOT/Cargo.toml" -p stube-tools --bin torture
TORTURE=${CARGO_TARGET_DIR:-$ROOT/target}/$PROFILE/torture
SCRATCH=$(mktemp -d)
LOOPS=()
SERVER=
clean() {
    umount "$SCRATCH/m" 2>/dev/null || true
    for loop in "${LOOPS[@]}"; do losetup -d "$loop" || true; done
    umount "$SCRATCH/disk" 2>/dev/null || true
    # Once nobody answers any more, what is still mounted fails and can be unmounted.
    if [ -n "$SERVER" ]; then { kill "$SERVER" && wait "$SERVER"; } 2>/dev/null || true; fi
    umount "$SCRATCH/m" "$SCRATCH/disk" 2>/dev/null || true
    rm -rf --one-file-system "$SCRATCH"
}
trap clean EXIT
trap 'exit 130' INT TERM
mkdir "$SCRATCH/m" "$SCRATCH/disk"

# Another process than the one that mounts: if that is killed, the kernel is still answered.
exec {fuse}<>/dev/fuse
mount -i -t fuse -o "fd=$fuse,rootmode=40000,user_id=0,group_id=0" stube-disk "$SCRATCH/disk"
"$TORTURE" disk "$MEBIBYTES" <&"$fuse" &
SERVER=$!
exec {fuse}<&-
for name in disk after; do LOOPS+=("$(losetup -f --show "$SCRATCH/disk/$name")"); done
case $FILE_SYSTEM in
    # Without what is left to be written when it is first mounted.
    ext4) mkfs.ext4 -qF -E lazy_itable_init=0,lazy_journal_init=0 "${LOOPS[0]}" ;;
    xfs) mkfs.xfs -qf "${LOOPS[0]}" ;;
esac

echo "$FILE_SYSTEM${OPTIONS:+ with $OPTIONS}, ${STORE[1]:-file} store, seed $SEED"
"$TORTURE" "${STORE[@]}" cut "$SCRATCH/disk" "${LOOPS[@]}" "$SCRATCH/m" "$FILE_SYSTEM" "$OPTIONS" "$CUTS" "$SEED"
