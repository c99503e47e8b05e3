# Sourced by the other scripts: where the plain machines live, and how they are reached.
state=${STACKFERRY_MACHINES_STATE:-/var/tmp/stackferry-machines}
base=$state/base
bridge=sfmbr0
network=10.78.0
gateway=$network.1
machines=(control host-a host-b)
declare -A address=([control]=$network.2 [host-a]=$network.3 [host-b]=$network.4)
# Sparse: what is not used takes no room.
disk_size=8G
controllers=(cpu cpuacct cpuset memory pids devices freezer blkio)

root_of() { echo "$state/$1/root"; }
group_of() { echo "stackferry-$1"; }

# The machine's own PID 1, as this machine sees it; fails where it does not run. Before it is systemd, nspawn's child is
# not yet in the machine's namespaces.
init_of() {
  local nspawn
  nspawn=$(cat "$state/$1/nspawn.pid" 2>/dev/null) || return 1
  pgrep -P "$nspawn" -x systemd
}

# Runs a command on a machine, as its root, with nothing of this machine's environment.
on() { # machine, command…
  local init
  init=$(init_of "$1") || { echo "machine $1 does not run: test/machines/up.sh" >&2; return 1; }
  shift
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
    nsenter --target "$init" --all --wdns=/root -- "$@"
}
