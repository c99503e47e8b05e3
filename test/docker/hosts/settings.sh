# Sourced by the other scripts: where the two hosts live.
state=${STACKFERRY_DOCKER_STATE:-/var/tmp/stackferry-docker}
image_cache=${STACKFERRY_IMAGE_CACHE:-/var/tmp/stackferry-images}
bridge=sfbr0
hosts=(a b)
docker=/usr/bin/docker

declare -A address=([a]=10.77.0.2 [b]=10.77.0.3)
declare -A bip=([a]=172.30.1.1/24 [b]=172.30.2.1/24)
gateway=10.77.0.1

root_of() { echo "$state/$1"; }
socket_of() { echo "$state/$1/docker.sock"; }
on() { # host, docker arguments
  local host=$1
  shift
  timeout 300 "$docker" -H "unix://$(socket_of "$host")" "$@"
}
