#!/usr/bin/env bash
# Runs the contract of stores on the SQLite store, on a disk that fails and loses power, and on SQLite stores that are
# broken on purpose. What lets a test be the disk of the engine needs libclang to build: installs it from Debian's
# packages where there is none, which needs root.
#
#     tests/sqlite_contract.sh
set -euo pipefail
cd "$(dirname "$0")/sqlite_contract"
# Where there is a name without a version, the headers that belong to it are there too.
if [ -z "${LIBCLANG_PATH:-}" ] && ! ldconfig -p | grep -q 'libclang\.so ' \
    && ! compgen -G '/usr/lib/llvm-*/lib/libclang.so' > /dev/null; then
    echo 'installing libclang'
    apt-get update -qq && apt-get install -y -qq --no-install-recommends libclang-dev > /dev/null
fi
exec cargo test --target-dir ../../target "$@"
