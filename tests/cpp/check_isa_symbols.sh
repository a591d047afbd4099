#!/usr/bin/env bash
# Weak symbols of an object compiled for one instruction set may be merged with those of another. All of them must carry the
# name of their set.
set -euo pipefail
archive=$(readlink -f "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
ar x "$archive"
status=0
shopt -s nullglob
for isa in baseline avx2 avx512; do
  for object in *_instances.cpp*.o; do
    nm -C "$object" | grep -q "evsim::$isa::" || continue
    if nm -C "$object" | grep -E ' [WVu] ' | grep -v "evsim::$isa::"; then
      echo "$object: the symbols above lie outside evsim::$isa"
      status=1
    fi
  done
done
exit $status
