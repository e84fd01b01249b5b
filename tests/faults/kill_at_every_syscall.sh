#!/usr/bin/env bash
# Kills the program just before each of its system calls, one run for each, and checks after every kill that no
# acknowledged change is lost, nothing is torn, and what was left over is swept at the next start.
#
# First a program that acknowledges too early is killed in the same way, and must be caught.
#
#   tests/faults/kill_at_every_syscall.sh [--quick] [--sqlite] [--inline]
#
# --quick stops at the 15th call of each kind, and --inline has the changes made by their callers
#   ROUNDS=120 tests/faults/kill_at_every_syscall.sh                 of a run with so many changes, not 24

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/common.sh"
limit "$@"
prepare
control

# Twenty changes make at least this many calls on one thread. If fewer were met, nothing was proved.
declare -A least=([openat]=15 [write]=15 [fsync]=15 [renameat]=10 [renameat2]=4 [close]=15 [unlinkat]=4)
if [ "$STORE" = sqlite ]; then least=([openat]=10 [pwrite64]=15 [fsync]=15 [close]=5); fi
kills=0
for call in $CALLS; do
    killed=0
    # A run that ends by itself has made fewer calls than that.
    for ((n = 1; n <= LIMIT; n++)); do
        round "$call:signal=SIGKILL:when=$n"
        [ "$STATUS" -ne 0 ] || break
        [ "$STATUS" -eq 137 ] || violation "$call $n: the program ended with $STATUS: $LOG"
        killed=$n
    done
    echo "$call: $killed kills"
    kills=$((kills + killed))
    [ "$killed" -ge "${least[$call]}" ] || violation "$call: only $killed kills"
done
echo "$kills kills"
finish
