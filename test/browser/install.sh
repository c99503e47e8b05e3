#!/usr/bin/env bash
# Installs Debian's Chromium, which the browser tests drive. Quick when it is there.
set -euo pipefail

if [ -x /usr/bin/chromium ]; then
  echo "Chromium: it is installed"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
timeout 300 apt-get update -q
timeout 900 apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core
