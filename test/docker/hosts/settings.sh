# Sourced by the other scripts: where the two hosts live. STACKFERRY_PAIR names one of several pairs, side by side.
pair=${STACKFERRY_PAIR:-1}
suffix=$([ "$pair" = 1 ] || echo "$pair")
state=${STACKFERRY_DOCKER_STATE:-/var/tmp/stackferry-docker}${suffix:+-$suffix}
image_cache=${STACKFERRY_IMAGE_CACHE:-/var/tmp/stackferry-images}
# Sparse: what is not used takes no room.
disk_size=12G
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

# What a host is like beyond a plain Engine 26: words that up.sh takes from STACKFERRY_HOST_A and _B and records, so that
# a restart by a test keeps them.
known_words=(containerd next btrfs xfs ext4 busybox selinux)
words_of() { cat "$(root_of "$1")/words" 2>/dev/null || true; }
is() { [[ ,$(words_of "$1"), == *,$2,* ]]; } # host, word
# Each kind of host has data of its own: image stores and file systems do not mix.
data_of() {
  local words
  words=$(words_of "$1")
  echo "$(root_of "$1")/data${words:+-${words//,/-}}"
}
on() { # host, docker arguments
  local host=$1
  shift
  timeout 300 "$docker" -H "unix://$(socket_of "$host")" "$@"
}
