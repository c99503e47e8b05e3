#!/usr/bin/env bash
# Installs what two real Docker hosts on one machine need, from Debian's packages. Quick when it is all there.
set -euo pipefail

engine_packages=(docker.io docker-cli docker-compose containerd)
# gcc and jq make the stub runtime, for stacks whose images are not here.
tools=(iproute2 iptables debootstrap ca-certificates zstd acl attr busybox-static btrfs-progs xfsprogs gcc libc6-dev jq)

missing() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

# The engine of bookworm (20.10, Compose 1.29) is too old: these four come from the next release, nothing else does.
pin_next_release() {
  local file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    grep -qs bookworm "$file" || continue
    sed 's/bookworm/trixie/g' "$file" >"/etc/apt/sources.list.d/stackferry-next.${file##*.}"
  done
  {
    printf 'Package: *\nPin: release n=trixie*\nPin-Priority: 100\n\n'
    printf 'Package: %s\nPin: release n=trixie*\nPin-Priority: 600\n' "${engine_packages[*]}"
  } >/etc/apt/preferences.d/stackferry-next
}

# No daemon is to start in the machine's own network namespace: its FORWARD policy would cut the bridge between hosts.
keep_daemons_down() {
  local policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] && return
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

mapfile -t wanted < <(missing "${tools[@]}" "${engine_packages[@]}")
if [ ${#wanted[@]} -eq 0 ]; then
  echo "two Docker hosts: everything is installed"
  exit 0
fi
if [ "$codename" = bookworm ]; then pin_next_release; fi
keep_daemons_down
export DEBIAN_FRONTEND=noninteractive
timeout 300 apt-get update -q
# All of them, not only the missing: a docker.io of bookworm is brought up to the others.
timeout 900 apt-get install -q -y --no-install-recommends "${tools[@]}" "${engine_packages[@]}"
