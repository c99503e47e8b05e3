#!/usr/bin/env bash
# Three plain machines on one bridge, fresh: `up.sh`. What an earlier run left of them is destroyed first.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"

"$here/install.sh"
"$here/down.sh"
ip link add "$bridge" type bridge
ip addr replace "$gateway/24" dev "$bridge"
ip link set "$bridge" up
# A dockerd that ever ran in the root namespace left a FORWARD policy that drops what crosses the bridge.
for direction in -i -o; do
  iptables -C FORWARD "$direction" "$bridge" -j ACCEPT 2>/dev/null || iptables -I FORWARD "$direction" "$bridge" -j ACCEPT
done
for machine in "${machines[@]}"; do "$here/machine.sh" start "$machine" & done
for job in $(jobs -p); do wait "$job"; done
