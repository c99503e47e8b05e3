#!/usr/bin/env bash
# Docker Engine 28 and Compose 2.40 from Debian's next release, unpacked into a directory of their own: the machine keeps
# its Engine 26. Prints that directory. Its `docker` finds the newer Compose.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
. "$(dirname "$0")/../../support/mirror.sh"

release=forky
# runc is the machine's: the next release's needs a newer libc.
packages=(docker.io docker-cli docker-compose containerd)

if [ -x "$next_release/docker" ]; then
  echo "$next_release"
  exit 0
fi

tmp=$(mktemp -d "$next_release.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/apt/lists/partial" "$tmp/apt/cache/archives/partial" "$tmp/apt/no-parts" "$tmp/debs"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $release main" >"$tmp/apt/sources.list"
# Nothing of the machine's own lists, sources or pins is read or changed.
apt=(apt-get -q
  -o Dir::Etc::sourcelist="$tmp/apt/sources.list" -o Dir::Etc::sourceparts="$tmp/apt/no-parts"
  -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$tmp/apt/no-parts"
  -o Dir::State::lists="$tmp/apt/lists" -o Dir::Cache="$tmp/apt/cache" -o APT::Sandbox::User=root)

# apt prints to stdout what it does, which is for the directory's name.
timeout 300 "${apt[@]}" update >&2
(cd "$tmp/debs" && timeout 600 "${apt[@]}" download "${packages[@]}" >&2)
mkdir "$tmp/root"
for package in "$tmp"/debs/*.deb; do dpkg-deb -x "$package" "$tmp/root"; done

# The client looks for plugins in its configuration's directory first, so before the machine's own.
mkdir -p "$tmp/root/config/cli-plugins"
ln -s ../../usr/libexec/docker/cli-plugins/docker-compose "$tmp/root/config/cli-plugins/docker-compose"
cat >"$tmp/root/docker" <<WRAPPER
#!/bin/sh
DOCKER_CONFIG=$next_release/config exec $next_release/usr/bin/docker "\$@"
WRAPPER
chmod +x "$tmp/root/docker"

# Another one may have been quicker; what it made is the same.
mv -T "$tmp/root" "$next_release" 2>/dev/null || [ -x "$next_release/docker" ]
echo "$next_release"
