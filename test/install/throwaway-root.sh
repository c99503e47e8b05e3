#!/bin/sh
# throwaway-root.sh DIR: makes what `install.sh` writes to throwaway, in a mount namespace of its own (unshare --mount),
# then waits for its end. Programs are this machine's, /usr, /etc and /var are layers in memory.
set -eu
dir=$1
mount -t tmpfs tmpfs "$dir"
for name in usr etc var; do
  mkdir -p "$dir/$name/upper" "$dir/$name/work"
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=$dir/$name/upper,workdir=$dir/$name/work" "/$name"
done
mount -t tmpfs tmpfs /run
echo ready
exec sleep 100000
