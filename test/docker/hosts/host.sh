#!/usr/bin/env bash
# host.sh start|stop|kill|restart a|b: one of the two Docker hosts. `kill` is a crash of the engine: dockerd and its
# containerd die at once, the containers run on without them until the next start, which ends or restarts them.
set -euo pipefail
. "$(dirname "$0")/settings.sh"

action=${1:?start, stop, kill or restart} host=${2:?a or b}
root=$(root_of "$host")

# A recorded pid is ours only while its command line has our file as an argument: the number may be another's by now,
# and a dead process that nobody has reaped yet has no command line.
recorded_pid() { # pidfile, an argument of the process
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/${pid:-none}/cmdline" | grep -qxF -- "$2" && echo "$pid"
} 2>/dev/null
dockerd_pid() { recorded_pid "$root/dockerd.pid" "$root/dockerd.pid"; }
containerd_pid() { recorded_pid "$root/exec/containerd/containerd.pid" "$root/exec/containerd/containerd.toml"; }

answers() { timeout 5 "$docker" -H "unix://$(socket_of "$host")" version >/dev/null 2>&1; }

# The data root on a file system of its own, made in a file.
mount_data() { # btrfs, xfs or ext4
  local data
  data=$(data_of "$host")
  mountpoint -q "$data" && return
  if [ ! -e "$data.img" ]; then
    truncate -s "$disk_size" "$data.img"
    "mkfs.$1" -q "$data.img"
  fi
  mount -o loop "$data.img" "$data"
}

launch() {
  local fs data program=dockerd path=$PATH
  data=$(data_of "$host")
  mkdir -p "$data" "$root/exec"
  for fs in btrfs xfs ext4; do if is "$host" $fs; then mount_data $fs; fi; done
  if is "$host" next; then
    program=$next_release/usr/sbin/dockerd path=$next_release/usr/bin:$next_release/usr/sbin:$PATH
  fi
  if is "$host" containerd; then
    echo '{"features": {"containerd-snapshotter": true}}'
  else
    echo '{"features": {"containerd-snapshotter": false}, "storage-driver": "overlay2"}'
  fi >"$root/daemon.json"
  # A killed engine leaves these, and dockerd takes a pid that it finds there for a living twin.
  rm -f "$root/dockerd.pid" "$root/exec/containerd/containerd.pid" "$(socket_of "$host")"
  PATH=$path setsid nsenter --net="/run/netns/$(netns_of "$host")" \
    "$program" --config-file "$root/daemon.json" --data-root "$data" --exec-root "$root/exec" \
    --pidfile "$root/dockerd.pid" -H "unix://$(socket_of "$host")" --bip "${bip[$host]}" \
    --cgroup-parent "/$(netns_of "$host")" --exec-opt native.cgroupdriver=cgroupfs >>"$root/dockerd.log" 2>&1 </dev/null &
  launched=$!
}

start() {
  local launched='' deadline=$((SECONDS + 60))
  dockerd_pid >/dev/null || launch
  until answers; do
    if ((SECONDS > deadline)) || { [ -n "$launched" ] && ! kill -0 "$launched" 2>/dev/null; }; then
      echo "dockerd of host $host does not answer; the end of $root/dockerd.log:" >&2
      tail -n 20 "$root/dockerd.log" >&2
      return 1
    fi
    sleep 0.2
  done
}

# Sends the signal to the process, and waits until it is gone; fails where it is not gone in 30 s.
end() { # signal, dockerd_pid or containerd_pid
  local pid deadline=$((SECONDS + 30))
  pid=$("$2") || return 0
  kill "-$1" "$pid" 2>/dev/null || true
  while "$2" >/dev/null; do
    ((SECONDS <= deadline)) || return 1
    sleep 0.1
  done
}

crash() {
  end KILL dockerd_pid
  end KILL containerd_pid
}

stop() { end TERM dockerd_pid || crash; }

case $action in
start) start ;;
stop) stop ;;
kill) crash ;;
restart)
  stop
  start
  ;;
*)
  echo "host.sh start|stop|kill|restart a|b" >&2
  exit 2
  ;;
esac
