#!/usr/bin/env bash
# Brings up two Docker hosts: a bridge, two network namespaces, a dockerd in each. Does nothing where they are up.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"

mkdir -p "$state"
ip link show "$bridge" >/dev/null 2>&1 || ip link add "$bridge" type bridge
ip addr replace "$gateway/24" dev "$bridge"
ip link set "$bridge" up

for host in "${hosts[@]}"; do
  netns=$(netns_of "$host")
  link=sfv-$host$suffix
  # After a reboot the name may be there as an empty file, with no namespace behind it.
  if ! nsenter --net="/run/netns/$netns" true 2>/dev/null; then
    rm -f "/run/netns/$netns"
    ip netns add "$netns"
  fi
  if ! ip -n "$netns" link show eth0 >/dev/null 2>&1; then
    ip link del "$link" 2>/dev/null || true
    ip link add "$link" type veth peer name eth0 netns "$netns"
  fi
  ip link set "$link" master "$bridge" up
  ip -n "$netns" link set lo up
  ip -n "$netns" addr replace "${address[$host]}/24" dev eth0
  ip -n "$netns" link set eth0 up
  ip -n "$netns" route replace default via "$gateway"
done
# A dockerd that ever ran in the root namespace left a FORWARD policy that drops what crosses the bridge.
for direction in -i -o; do
  iptables -C FORWARD "$direction" "$bridge" -j ACCEPT 2>/dev/null || iptables -I FORWARD "$direction" "$bridge" -j ACCEPT
done

for host in "${hosts[@]}"; do "$here/host.sh" start "$host"; done
for host in "${hosts[@]}"; do
  echo "host $host: $(on "$host" version --format 'Docker {{.Server.Version}}') at unix://$(socket_of "$host"), ${address[$host]}"
done
