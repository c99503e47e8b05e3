#!/usr/bin/env bash
# prepare.sh OUT DATA_ROOT: makes what strangers' Compose files need to run without their images. OUT gets the static `init`,
# an image archive `stub.tar` (import it, and tag it with each name that a file uses), and `runtime`, which is to be the
# engine's default runtime. Needs gcc and jq.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd) data_root=${2:?the data root of the engine}

gcc -static -O2 -Wall -Werror -o "$out/init" "$here/init.c"
mkdir -p "$out/root/.stub"
install -m 755 "$out/init" "$out/root/.stub/init"
tar -C "$out/root" -cf "$out/stub.tar" .
touch "$out/jobs"
cat >"$out/runtime" <<RUNTIME
#!/bin/sh
STUB_DATA_ROOT='$data_root' STUB_JOBS='$out/jobs' exec '$here/stub-runtime' "\$@"
RUNTIME
chmod +x "$out/runtime"
cat <<NEXT
Start the engine with   --add-runtime stub=$out/runtime --default-runtime stub
then                    docker import $out/stub.tar stub:1
and for each image      docker tag stub:1 NAME    (docker compose config --images lists them)
Services that are jobs  echo project/service >>$out/jobs
NEXT
