#!/usr/bin/env bash
# machine.sh start|stop|destroy MACHINE, machine.sh run MACHINE COMMAND…
# A machine is a container of systemd's: the plain disk under a layer of its own, systemd as PID 1, a network namespace
# on the bridge, and a disk for Docker's data, since overlay does not go on overlay.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
verb=$1 machine=$2
home=$state/$machine
root=$(root_of "$machine")

mount_disks() {
  mkdir -p "$home"/{upper,work,root,docker}
  if [ ! -e "$home/docker.img" ]; then
    truncate -s "$disk_size" "$home/docker.img"
    mkfs.ext4 -q "$home/docker.img"
  fi
  mountpoint -q "$root" ||
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$home/upper,workdir=$home/work" "$root"
  mountpoint -q "$home/docker" || mount -o loop "$home/docker.img" "$home/docker"
  mkdir -p "$root/var/lib/docker"
  echo "$machine" >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
  for other in "${machines[@]}"; do echo "${address[$other]} $other" >>"$root/etc/hosts"; done
}

# Each machine's systemd sees a tree of control groups of its own. Under the unified hierarchy nspawn sees to that.
enter_groups() {
  local controller group
  for controller in "${controllers[@]}" systemd; do
    [ -d "/sys/fs/cgroup/$controller" ] || continue
    group=/sys/fs/cgroup/$controller/$(group_of "$machine")
    mkdir -p "$group"
    # A new cpuset has no cores and no memory, and takes no process until it has.
    if [ "$controller" = cpuset ]; then
      cat "/sys/fs/cgroup/cpuset/cpuset.cpus" >"$group/cpuset.cpus"
      cat "/sys/fs/cgroup/cpuset/cpuset.mems" >"$group/cpuset.mems"
    fi
    echo "$BASHPID" >"$group/cgroup.procs"
  done
}

# Run in the background: its process becomes nspawn.
boot() {
  enter_groups
  export SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes
  # Since release 256 systemd wants to be told before it starts on control groups of version 1.
  exec setsid systemd-nspawn -D "$root" --machine="sf-$machine" --boot --register=no --keep-unit --private-network \
    --capability=all --system-call-filter='add_key keyctl bpf' --console=pipe \
    --bind="$home/docker:/var/lib/docker" \
    -- SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy="$1" \
    </dev/null >"$home/console.log" 2>&1
}

connect() { # init
  local link=sfm-${machine//host-/}
  ip link del "$link" 2>/dev/null || true
  ip link add "$link" type veth peer name eth0 netns "$1"
  ip link set "$link" master "$bridge" up
  on "$machine" sh -ec "
    ip link set lo up
    ip addr add ${address[$machine]}/24 dev eth0
    ip link set eth0 up
    ip route add default via $gateway"
}

# nspawn mounts the controllers of version 1 read-only: Docker could start nothing.
free_controllers() {
  # shellcheck disable=SC2016
  on "$machine" sh -ec '
    mount -o remount,rw /sys/fs/cgroup
    for name; do
      findmnt -no OPTIONS "/sys/fs/cgroup/$name" | grep -q "^ro" || continue
      umount "/sys/fs/cgroup/$name"
      mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name"
    done
    mount -o remount,ro /sys/fs/cgroup' sh "${controllers[@]}"
}

wait_for() { # what, command…
  local what=$1 tries=0
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { echo "machine $machine: $what did not come in 60 s" >&2; tail -n 20 "$home/console.log" >&2; exit 1; }
    sleep 0.2
  done
}

# Degraded is booted too: a container may not load kernel modules.
booted() { [[ $(on "$machine" systemctl is-system-running) =~ ^(running|degraded)$ ]]; }

start() {
  if init_of "$machine" >/dev/null; then return; fi
  mount_disks
  local unified=0
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then unified=1; fi
  boot "$unified" &
  echo $! >"$home/nspawn.pid"
  wait_for 'its PID 1' init_of "$machine"
  connect "$(init_of "$machine")"
  if [ "$unified" = 0 ]; then
    wait_for 'its control groups' on "$machine" test -d /sys/fs/cgroup/memory
    free_controllers
  fi
  wait_for 'the end of its boot' booted
  wait_for 'Docker' on "$machine" docker version
}

stop() {
  local nspawn
  nspawn=$(cat "$home/nspawn.pid" 2>/dev/null) || return 0
  if kill -TERM "$nspawn" 2>/dev/null; then
    timeout 30 tail --pid="$nspawn" -f /dev/null || kill -KILL "$nspawn" 2>/dev/null || true
  fi
  rm -f "$home/nspawn.pid"
}

unmount() {
  local path
  for path in "$root" "$home/docker"; do
    if mountpoint -q "$path"; then umount "$path" || umount -l "$path"; fi
  done
}

case $verb in
  start) start ;;
  stop) stop ;;
  destroy)
    stop
    unmount
    rm -rf --one-file-system "$home"
    for controller in "${controllers[@]}" systemd; do
      find "/sys/fs/cgroup/$controller/$(group_of "$machine")" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    ;;
  run)
    shift 2
    on "$machine" "$@"
    ;;
  *) echo "machine.sh start|stop|destroy|run MACHINE" >&2; exit 2 ;;
esac
