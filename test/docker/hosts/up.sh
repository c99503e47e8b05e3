#!/usr/bin/env bash
# Brings up two Docker hosts: a bridge, two network namespaces, a dockerd in each. Does nothing where they are up.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"

# Records what a host is to be like; one that runs as something else is stopped first.
set_words() { # host, words
  local host=$1 words=$2 word
  for word in ${words//,/ }; do
    [[ " ${known_words[*]} " == *" $word "* ]] ||
      { echo "host $host: \"$word\" is not one of: ${known_words[*]}" >&2; exit 2; }
  done
  [ "$words" = "$(words_of "$host")" ] && return
  "$here/host.sh" stop "$host"
  mkdir -p "$(root_of "$host")"
  echo -n "$words" >"$(root_of "$host")/words"
}

# All that the host's agent finds on its PATH.
link_busybox() { # host
  local bin applet
  bin=$(root_of "$1")/busybox
  mkdir -p "$bin"
  for applet in $(busybox --list); do ln -sf "$(command -v busybox)" "$bin/$applet"; done
}

mkdir -p "$state"
set_words a "${STACKFERRY_HOST_A:-}"
set_words b "${STACKFERRY_HOST_B:-}"
for host in "${hosts[@]}"; do if is "$host" busybox; then link_busybox "$host"; fi; done
for host in "${hosts[@]}"; do if is "$host" next; then "$here/next-release.sh" >/dev/null; fi; done
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
  words=$(words_of "$host")
  echo "host $host: $(on "$host" version --format 'Docker {{.Server.Version}}') at unix://$(socket_of "$host"), ${address[$host]}${words:+, $words}"
done
