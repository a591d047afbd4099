#!/usr/bin/env bash
# Weak symbols of an object compiled for one instruction set may be merged with those of another: all of them must carry the
# name of their set. Arguments: the set, its objects. DW.ref.* are pointers to symbols, with which merging does no harm.
set -euo pipefail
isa=$1
shift
status=0
for object in "$@"; do
  weak=$(nm -C "$object" | grep -E ' [WVu] ' || true)
  if [ -z "$weak" ]; then
    echo "$object: no weak symbol; has it been compiled from templates?"
    status=1
  fi
  if grep -vE "evsim::$isa::| DW\.ref\." <<<"$weak"; then
    echo "$object: the symbols above lie outside evsim::$isa"
    status=1
  fi
done
exit $status
