#!/usr/bin/env bash
# Ends the plain machines, and takes away their disks, bridge and firewall rules. The plain disk they start from stays.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"

for machine in "${machines[@]}"; do "$here/machine.sh" destroy "$machine"; done
for direction in -i -o; do
  while iptables -D FORWARD "$direction" "$bridge" -j ACCEPT 2>/dev/null; do :; done
done
ip link del "$bridge" 2>/dev/null || true
