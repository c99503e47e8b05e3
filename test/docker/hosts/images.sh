#!/usr/bin/env bash
# The images of the tests: made once from Debian's packages, kept as archives outside the repository, and loaded into
# both hosts from the same archive, so that they are equal by content.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"
. "$here/../../support/mirror.sh"

tmp=$(mktemp -d /var/tmp/stackferry-rootfs.XXXXXX)
# One file system: an interrupted debootstrap leaves /proc and /sys mounted in there.
trap 'rm -rf --one-file-system "$tmp"' EXIT

# A small Debian with the named packages; nothing of it starts here.
make_rootfs() { # name, packages
  timeout 900 debootstrap --variant=minbase --include="$2" bookworm "$tmp/$1" "$(mirror)" >"$tmp/$1.log" 2>&1 ||
    { tail -n 20 "$tmp/$1.log" "$tmp/$1/debootstrap/debootstrap.log" >&2; return 1; }
  rm -rf "$tmp/$1"/usr/share/{doc,man,locale,info,lintian} "$tmp/$1"/var/cache/apt/* "$tmp/$1"/var/lib/apt/lists/*
}

import() { # rootfs, name, import changes…
  local root=$1 name=$2
  shift 2
  tar -C "$root" -c . | on a import "$@" - "$name" >/dev/null
}

archive() { # archive name, image names…
  local file=$image_cache/$1.tar
  shift
  on a save -o "$file.part" "$@"
  mv "$file.part" "$file"
}

build_tools() {
  import "$tmp/tools" sf-tools:1
  archive tools sf-tools:1
}

build_services() {
  rm -rf "$tmp/services/var/lib/postgresql/15/main"
  install -m 755 "$here/pg-entrypoint" "$tmp/services/usr/local/bin/pg-entrypoint"
  local path='ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  import "$tmp/services" sf-postgres:1 --change "$path" --change 'ENTRYPOINT ["pg-entrypoint"]'
  import_alias sf-redis:1 'CMD ["redis-server","--bind","0.0.0.0","--protected-mode","no","--dir","/data","--appendonly","yes"]'
  import_alias sf-nginx:1 'CMD ["nginx","-g","daemon off;"]'
  archive services sf-postgres:1 sf-redis:1 sf-nginx:1
}

# Another image of the same layer, with another command.
import_alias() { # name, change
  local container
  container=$(on a create --entrypoint '' sf-postgres:1 true)
  on a commit --change 'ENTRYPOINT []' --change "$2" "$container" "$1" >/dev/null
  on a rm "$container" >/dev/null
}

build_busybox() {
  mkdir -p "$tmp/busybox/bin" "$tmp/busybox/tmp"
  cp "$(command -v busybox)" "$tmp/busybox/bin/busybox"
  local applet
  for applet in sh sleep cat echo ls true false httpd wget nc dd sha256sum touch mkdir rm sync kill; do
    ln -sf busybox "$tmp/busybox/bin/$applet"
  done
  import "$tmp/busybox" sf-busybox:1 --change 'ENV PATH=/bin' --change 'CMD ["sh"]'
  archive busybox sf-busybox:1
}

mkdir -p "$image_cache"
# Side by side: each waits for the mirror, then for the disk.
[ -s "$image_cache/tools.tar" ] || make_rootfs tools attr,acl &
[ -s "$image_cache/services.tar" ] || make_rootfs services postgresql-15,redis-server,nginx-light &
wait
for set in tools services busybox; do
  [ -s "$image_cache/$set.tar" ] && continue
  # Its archives name layers by their contents.
  ! is a containerd || { echo "images are built on a host without the containerd image store" >&2; exit 1; }
  "build_$set"
done

# `name layers` of each image in an archive, from the manifest that `docker save` wrote. A layer is named by the digest of
# its content, which is the same in both image stores; the image's id is not.
archived() { # archive name
  tar -xOf "$image_cache/$1.tar" manifest.json | grep -oE '"RepoTags":\["[^"]*"\],"Layers":\[[^]]*\]' |
    sed -E 's#"RepoTags":\["([^"]*)"\],"Layers":(.*)#\1 \2#; s#blobs/sha256/#sha256:#g'
}

holds() { # host, archive name
  local images name layers
  images=$(archived "$2") || return 1
  while read -r name layers; do
    [ "$(on "$1" image inspect -f '{{json .RootFS.Layers}}' "$name" 2>/dev/null)" = "$layers" ] || return 1
  done <<<"$images"
}

for host in "${hosts[@]}"; do
  for set in tools services busybox; do
    holds "$host" "$set" || on "$host" load -q -i "$image_cache/$set.tar"
    holds "$host" "$set" || { echo "host $host does not hold the images of $set.tar" >&2; exit 1; }
  done
done
echo "images are on both hosts, equal by content"
