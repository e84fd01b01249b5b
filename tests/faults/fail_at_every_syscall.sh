#!/usr/bin/env bash
# Makes each system call of the program fail with each error, one run for each, and checks that the store answers
# truly, works again without being opened anew, and has lost nothing at the next start.
#
#   tests/faults/fail_at_every_syscall.sh [--quick] [--sqlite] [--inline]
#
# --quick stops at the 15th call of each kind, and --inline has the changes made by their callers

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/common.sh"
limit "$@"
prepare

declare -A said=([not]=0 [unknown]=0 [unloaded]=0 [kept]=0 [closed]=0)
unstarted=0

# One run, and what the program must not have said.
try() {
    local call=$1 injection=$2
    round "$injection"
    while read -r word _; do
        if [[ -v said[$word] ]]; then said[$word]=$((said[$word] + 1)); fi
    done <<<"$LOG"
    case $STATUS in
        0 | 3) ;;
        # The program was not even loaded: the error met the loader or the runtime.
        *) if [ "$(grep -c '^opened' <<<"$LOG")" -lt 2 ]; then
            unstarted=$((unstarted + 1))
        else
            violation "$injection: the program ended with $STATUS: $LOG"
        fi ;;
    esac
    # Only a directory that cannot be made durable, or a change of a name, may leave the answer open.
    if [[ $call != f*sync && $call != renameat* && $call != unlinkat && $call != pwrite64 ]] && grep -q '^unknown' <<<"$LOG"; then
        violation "$injection: unknown without need: $LOG"
    fi
}

for call in $CALLS; do
    before=$RUNS
    # How often the program makes this call, when nothing fails.
    begin
    made=$(strace -f -qq -o "|grep -c '$call('" -e "trace=$call" "${torture[@]}" run "$SCRATCH/d" "$ROUNDS" 2>/dev/null)
    last=$((made < LIMIT ? made : LIMIT))
    [ "$made" -gt 0 ] || violation "$call: never called"
    for error in ENOSPC EDQUOT EIO EMFILE ENFILE EROFS EACCES ENOMEM EINTR; do
        for ((n = 1; n <= last; n++)); do
            try "$call" "$call:error=$error:when=$n"
        done
    done
    echo "$call: $((RUNS - before)) runs"
done

# A disk that cannot sync for a while: two to six calls in a row. The first two are made by the start.
before=$RUNS
for ((n = 3; n <= (LIMIT < 50 ? LIMIT : 50); n++)); do
    for long in 1 2 3 5; do
        try fsync "fsync:error=EIO:when=$n..$((n + long))"
    done
done
echo "fsync, several in a row: $((RUNS - before)) runs"
[ "${said[unknown]}" -gt 0 ] || violation "nothing was ever unknown, so that was not tried"

echo "not applied ${said[not]}, unknown ${said[unknown]}, not loaded ${said[unloaded]}, kept out ${said[kept]}," \
    "not opened ${said[closed]}, not even started $unstarted"
finish
