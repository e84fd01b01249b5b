#!/usr/bin/env bash
# Two builds of one source give the same manifest, byte for byte. Builds the macro and an example twice.
#
#     tests/two_builds.sh
set -euo pipefail
cd "$(dirname "$0")/.."

manifest() { # file
    # So that the macro runs again, in a process of its own.
    touch macros/src/lib.rs examples/manifest.rs
    cargo build --quiet --example manifest
    cargo run --quiet --example manifest > "$1"
}

work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
manifest "$work/one"
manifest "$work/other"
[ -s "$work/one" ] || { echo "the manifest is empty"; exit 1; }
cmp "$work/one" "$work/other"
echo "two builds, one manifest of $(wc -c < "$work/one") bytes"
