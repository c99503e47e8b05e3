#!/usr/bin/env bash
# What the tests in network namespaces need besides iptables and iproute2. Quick when it is there.
set -euo pipefail

command -v nft >/dev/null && command -v conntrack >/dev/null && command -v iptables-legacy >/dev/null && exit 0
export DEBIAN_FRONTEND=noninteractive
timeout 300 apt-get update -q
timeout 600 apt-get install -q -y --no-install-recommends iptables nftables conntrack iproute2 curl
