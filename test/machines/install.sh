#!/usr/bin/env bash
# Makes the disk of a plain Debian server with Docker from Debian's packages, and nothing of ours. Quick when it is there.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
. "$(dirname "$0")/../support/mirror.sh"

# What a server is found with: an init system, Docker, and what Debian's installer brings anyway.
packages=(systemd systemd-sysv dbus docker.io docker-cli docker-compose containerd iptables ca-certificates curl iproute2 sudo procps)

if ! command -v systemd-nspawn >/dev/null || ! command -v debootstrap >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  timeout 300 apt-get update -q
  timeout 900 apt-get install -q -y --no-install-recommends systemd-container debootstrap
fi
[ -d "$base" ] && exit 0

mkdir -p "$state"
tmp=$(mktemp -d "$state/making.XXXXXX")
# One file system: an interrupted debootstrap leaves /proc and /sys mounted in there.
trap 'rm -rf --one-file-system "$tmp"' EXIT
include=$(IFS=,; echo "${packages[*]}")
timeout 900 debootstrap --variant=minbase --include="$include" trixie "$tmp/root" "$(mirror)" >"$tmp/log" 2>&1 ||
  { tail -n 20 "$tmp/log" "$tmp/root/debootstrap/debootstrap.log" >&2; exit 1; }
mv -T "$tmp/root" "$base"
