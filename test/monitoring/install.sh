#!/usr/bin/env bash
# Installs Debian's promtool, which checks the alert rules. Quick when it is there; its server is not started.
set -euo pipefail

if command -v promtool >/dev/null; then
  echo "promtool: it is installed"
  exit 0
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
timeout 300 apt-get update -q
timeout 600 apt-get install -q -y --no-install-recommends prometheus
