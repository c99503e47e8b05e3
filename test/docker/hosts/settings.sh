# Sourced by the other scripts: where the two hosts live. STACKFERRY_PAIR names one of several pairs, side by side.
pair=${STACKFERRY_PAIR:-1}
suffix=$([ "$pair" = 1 ] || echo "$pair")
state=${STACKFERRY_DOCKER_STATE:-/var/tmp/stackferry-docker}${suffix:+-$suffix}
image_cache=${STACKFERRY_IMAGE_CACHE:-/var/tmp/stackferry-images}
bridge=sfbr$((pair - 1))
hosts=(a b)
docker=/usr/bin/docker
# Engine 28 and Compose 2.40, put there by next-release.sh.
next_release=${STACKFERRY_NEXT_RELEASE:-/var/tmp/stackferry-next-release}

network=10.77.$((pair - 1))
declare -A address=([a]=$network.2 [b]=$network.3)
declare -A bip=([a]=172.30.$((2 * pair - 1)).1/24 [b]=172.30.$((2 * pair)).1/24)
gateway=$network.1

netns_of() { echo "sf-$1$suffix"; }
root_of() { echo "$state/$1"; }
socket_of() { echo "$state/$1/docker.sock"; }
on() { # host, docker arguments
  local host=$1
  shift
  timeout 300 "$docker" -H "unix://$(socket_of "$host")" "$@"
}

# The Debian mirror that this machine uses.
mirror() {
  local file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    [ -e "$file" ] && grep -hoE 'https?://[^ ]+' "$file" | grep -v snapshot | head -n 1 && return
  done
}
