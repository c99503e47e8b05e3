#!/usr/bin/env bash
# host.sh start|stop|kill|restart a|b: one of the two Docker hosts. `kill` is a power cut for the daemon and its containers.
set -euo pipefail
. "$(dirname "$0")/settings.sh"

action=${1:?start, stop, kill or restart} host=${2:?a or b}
root=$state/$host
pidfile=$root/dockerd.pid

running() { [ -s "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null; }

start() {
  running && return
  mkdir -p "$root/data" "$root/exec"
  # What a killed daemon left: its containerd would hold the state directory, its containers the network.
  for left in $(recorded_children); do kill -9 "$left" 2>/dev/null || true; done
  rm -f "$pidfile" "$(socket_of "$host")" "$root/exec/containerd/containerd.pid"
  setsid nsenter --net="/run/netns/sf-$host" \
    dockerd --data-root "$root/data" --exec-root "$root/exec" --pidfile "$pidfile" -H "unix://$(socket_of "$host")" \
    --bip "${bip[$host]}" --cgroup-parent "/sf-$host" --storage-driver overlay2 --exec-opt native.cgroupdriver=cgroupfs \
    >>"$root/dockerd.log" 2>&1 </dev/null &

  for _ in $(seq 1 150); do
    on "$host" version >/dev/null 2>&1 && return
    sleep 0.2
  done
  echo "dockerd of host $host did not answer; see $root/dockerd.log" >&2
  tail -n 20 "$root/dockerd.log" >&2
  exit 1
}

# The daemon's containerd and shims, found by the state directory that only they name.
recorded_children() {
  local proc
  for proc in /proc/[0-9]*; do
    tr '\0' ' ' <"$proc/cmdline" 2>/dev/null | grep -q -- "$root/exec" && echo "${proc#/proc/}"
  done
  return 0
}

stop() { # signal
  running || return 0
  local pid
  pid=$(cat "$pidfile")
  kill "-$1" "$pid"
  for _ in $(seq 1 150); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.2
  done
  kill -9 "$pid" 2>/dev/null || true
}

case $action in
start) start ;;
stop) stop TERM ;;
kill)
  stop KILL
  for left in $(recorded_children); do kill -9 "$left" 2>/dev/null || true; done
  ;;
restart)
  stop TERM
  start
  ;;
*)
  echo "host.sh start|stop|kill|restart a|b" >&2
  exit 2
  ;;
esac
