#!/usr/bin/env bash
# Takes both hosts down; `--purge` deletes their data too. Safe to repeat, and after half of it has gone already.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"

# The daemon ends its own containers. Those of a killed one run on, so it comes back once more for them.
end_containers() { # host
  local container
  nsenter --net="/run/netns/$(netns_of "$1")" true 2>/dev/null || return 0
  compgen -G "$(root_of "$1")/exec/containerd/daemon/io.containerd.runtime.v2.task/moby/*" >/dev/null || return 0
  "$here/host.sh" start "$1" || return 1
  for container in $(on "$1" ps -q); do on "$1" kill "$container" >/dev/null || true; done
}

code=0
for host in "${hosts[@]}"; do
  end_containers "$host" || { echo "host $host: containers may still run" >&2; code=1; }
  "$here/host.sh" stop "$host"
  awk -v root="$(root_of "$host")/" 'index($2, root) == 1 { print $2 }' /proc/mounts | sort -r |
    while read -r mount; do umount -l "$mount" || true; done
  netns=$(netns_of "$host")
  [ ! -e "/run/netns/$netns" ] || ip netns del "$netns" 2>/dev/null || rm -f "/run/netns/$netns"
  ip link del "sfv-$host$suffix" 2>/dev/null || true
  if [ "${1:-}" = --purge ]; then rm -rf --one-file-system "$(root_of "$host")"; fi
done
ip link del "$bridge" 2>/dev/null || true
for direction in -i -o; do iptables -D FORWARD "$direction" "$bridge" -j ACCEPT 2>/dev/null || true; done
exit "$code"
