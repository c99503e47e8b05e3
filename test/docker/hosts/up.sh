#!/usr/bin/env bash
# Brings up two Docker hosts: a bridge, two network namespaces, a dockerd in each. Does nothing where they are up.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"

mkdir -p "$state"
if ! ip link show "$bridge" >/dev/null 2>&1; then
  ip link add "$bridge" type bridge
  ip addr add "$gateway/24" dev "$bridge"
fi
ip link set "$bridge" up

for host in "${hosts[@]}"; do
  if [ ! -e "/run/netns/sf-$host" ]; then
    ip netns add "sf-$host"
    ip link add "sfv-$host" type veth peer name eth0 netns "sf-$host"
    ip link set "sfv-$host" master "$bridge" up
    ip -n "sf-$host" link set lo up
    ip -n "sf-$host" addr add "${address[$host]}/24" dev eth0
    ip -n "sf-$host" link set eth0 up
    ip -n "sf-$host" route add default via "$gateway"
  fi
done
# A dockerd that ever ran in the root namespace left a FORWARD policy that drops what crosses the bridge.
for direction in -i -o; do
  iptables -C FORWARD "$direction" "$bridge" -j ACCEPT 2>/dev/null || iptables -I FORWARD "$direction" "$bridge" -j ACCEPT
done

for host in "${hosts[@]}"; do "$here/host.sh" start "$host"; done
for host in "${hosts[@]}"; do
  echo "host $host: $(on "$host" version --format 'Docker {{.Server.Version}}') at unix://$(socket_of "$host"), ${address[$host]}"
done
