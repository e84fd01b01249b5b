# What the scripts of this directory share. Sourced, not run.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2209  # what is set here is used by the scripts; a store is called `file`
#
#   prepare          builds the program and installs strace where it is missing
#   limit ARGUMENTS  reads the arguments: sets STORE, and LIMIT, the last call of each kind that is tried
#   round INJECTION  one run of the program with strace's `inject=INJECTION`, and a check of what it left
#
# `round` sets STATUS, the program's end, and LOG, what it said. It counts into RUNS, ACKS and VIOLATIONS.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ROUNDS=${ROUNDS:-24}
HOW=run
RUNS=0
ACKS=0
VIOLATIONS=0
STORE=file
# The calls that change something, and those in between.
CALLS="openat write fsync renameat renameat2 close unlinkat"
# Who makes the calls: one thread, since strace counts those of each by itself.
export STUBE_INLINE=never

prepare() {
    if ! command -v strace >/dev/null; then
        apt-get install -qq -y strace >/dev/null || { echo "strace is missing and cannot be installed" >&2; exit 2; }
    fi
    # What is built for the tests is there already. RELEASE=1 takes the one of the campaign.
    local profile=debug
    if [ -n "${RELEASE:-}" ]; then profile=release; fi
    cargo build --quiet ${RELEASE:+--release} --manifest-path "$ROOT/Cargo.toml" -p stube-tools --bin torture
    TORTURE=${CARGO_TARGET_DIR:-$ROOT/target}/$profile/torture
    SCRATCH=$(mktemp -d)
    trap 'rm -rf "$SCRATCH"' EXIT
    torture=("$TORTURE")
    if [ "$STORE" = sqlite ]; then
        CALLS="openat pwrite64 fsync close"
        torture+=(--store sqlite)
    fi
    "${torture[@]}" run "$SCRATCH/template" 2 2>"$SCRATCH/template.log"
    if [ "$STORE" = file ]; then : >"$SCRATCH/template/.stube-00000000000000000000000000.tmp"; fi
}

limit() {
    LIMIT=1000000
    while [ $# -gt 0 ]; do
        case $1 in
            --quick) LIMIT=15 ;;
            --sqlite) STORE=sqlite ;;
            --inline) STUBE_INLINE=always ;;
            *) echo "usage: $0 [--quick] [--sqlite] [--inline]" >&2; exit 2 ;;
        esac
        shift
    done
}

# A directory with two conversations in it, and what a save that was killed leaves behind.
begin() {
    rm -rf "$SCRATCH/d"
    cp -r "$SCRATCH/template" "$SCRATCH/d"
    cp "$SCRATCH/template.log" "$SCRATCH/log"
}

round() {
    local injection=$1
    begin
    STATUS=0
    # Not with --seccomp-bpf: strace 6.1 then sends a signal at the first call only.
    # With -f, because the store works on another thread than the program. The shell would report each kill.
    { strace -f -qq -o /dev/null -e "trace=${injection%%:*}" -e "inject=$injection" \
        "${torture[@]}" "$HOW" "$SCRATCH/d" "$ROUNDS" 2>>"$SCRATCH/log"; } 2>/dev/null || STATUS=$?
    LOG=$(cat "$SCRATCH/log")
    RUNS=$((RUNS + 1))
    ACKS=$((ACKS + $(grep -c '^ack' "$SCRATCH/log" || true)))
    if ! "${torture[@]}" verify "$SCRATCH/d" "$SCRATCH/log" 2>"$SCRATCH/verdict"; then
        violation "$injection: $(cat "$SCRATCH/verdict")"
    fi
}

# A program that acknowledges too early must be found out, or these checks see nothing.
control() {
    HOW=run-early
    local calls="write fsync" numbers="3 4 5 6 7"
    # The first ones are those of the start, which copies the log into the file.
    if [ "$STORE" = sqlite ]; then calls="pwrite64 fsync" numbers="14 17 20 23 26 29 32 35"; fi
    for call in $calls; do
        for n in $numbers; do round "$call:signal=SIGKILL:when=$n" 2>/dev/null; done
    done
    if [ "$VIOLATIONS" -eq 0 ]; then echo "the control was not caught" >&2; exit 1; fi
    echo "control: caught in $VIOLATIONS of $RUNS runs"
    HOW=run RUNS=0 ACKS=0 VIOLATIONS=0
}

violation() {
    VIOLATIONS=$((VIOLATIONS + 1))
    echo "VIOLATION $1" >&2
}

finish() {
    echo "$RUNS runs, $ACKS acknowledged changes, $VIOLATIONS violations"
    if [ "$RUNS" -eq 0 ] || [ "$VIOLATIONS" -ne 0 ]; then exit 1; fi
}
