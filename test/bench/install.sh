#!/usr/bin/env bash
# Installs the peers that `npm run bench` measures against, and the clients of `refused`. Quick when they are there; the two
# Docker hosts come from test/docker/hosts/install.sh.
set -euo pipefail

if [ -x /usr/bin/rsync ] && [ -x /usr/bin/zstd ] && [ -x /usr/bin/ssh ] && [ -x /usr/sbin/sshd ] &&
  [ -x /usr/bin/curl ] && [ -x /usr/bin/psql ] && [ -x /usr/bin/redis-cli ]; then
  echo "peers and clients of the benchmarks: they are installed"
  exit 0
fi
# No sshd is to start for the machine itself: a benchmark starts its own, on a host's own address.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
timeout 300 apt-get update -q
timeout 900 apt-get install -q -y --no-install-recommends rsync zstd openssh-client openssh-server \
  curl postgresql-client redis-tools
