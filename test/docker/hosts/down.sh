#!/usr/bin/env bash
# Takes both hosts down; `--purge` deletes their data too.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"

for host in "${hosts[@]}"; do
  if [ -S "$(socket_of "$host")" ]; then
    on "$host" ps -q 2>/dev/null | while read -r container; do on "$host" kill "$container" >/dev/null 2>&1 || true; done
  fi
  "$here/host.sh" stop "$host"
  "$here/host.sh" kill "$host"
  [ -e "/run/netns/sf-$host" ] && ip netns del "sf-$host"
  grep -o " $state/$host/[^ ]*" /proc/mounts | sort -r | while read -r mount; do umount -l "$mount" || true; done
done
ip link show "$bridge" >/dev/null 2>&1 && ip link del "$bridge"
for direction in -i -o; do iptables -D FORWARD "$direction" "$bridge" -j ACCEPT 2>/dev/null || true; done
if [ "${1:-}" = --purge ]; then rm -rf "${state:?}"; fi
