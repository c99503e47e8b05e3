#!/bin/sh
# Installs the Stackferry agent (or, with --relay, a relay) on this machine, from the control plane that served this script.
#
#   curl -fsSL CONTROL/install.sh | sudo sh -s -- --name NAME --join TOKEN     first install
#   curl -fsSL CONTROL/install.sh | sudo sh                                    update
#   curl -fsSL CONTROL/install.sh | sudo sh -s -- --uninstall                  uninstall
#
# Everything is in functions, and the last line calls main: a script that was cut off does nothing.
# It writes below /usr/lib/stackferry (programs), /var/lib/stackferry (state) and one service file. It does not change Docker
# or any firewall rule.
set -eu
umask 022

# Filled in by the control plane: its address, and the SHA-256 digests of the files it serves.
control='@CONTROL@'
digests='@DIGESTS@'

node_oldest=22.19
docker_api_oldest=1.41
compose_oldest=2.20
room_kib=400000
clock_seconds_max=300
online_seconds_max=60

usage() {
  cat <<EOF
install.sh [--name NAME --join TOKEN] [options]

  --name NAME            of this host, as "stackferry join" or the web page created it
  --join TOKEN           one-time join token, needed at the first install
  --relay                install a relay instead of an agent
  --advertise HOST:PORT  of a relay: where hosts reach it
  --auto-update          let the control plane upgrade the agent by itself, while it is idle
  --agent-args ARGS      further arguments of the agent (or relay), see its --help
  --node PATH            Node $node_oldest or newer to run it with
  --node-image IMAGE     take Node out of this image, which Docker has or can pull
  --dry-run              check everything, say what would be done, change nothing
  --uninstall            take away what this script brought; with --purge-state also keys and records
EOF
}

say() { printf '%s\n' "$*"; }
fail() {
  printf 'stackferry: %s\n' "$*" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

main() {
  kind=agent name='' join='' advertise='' more='' auto='' node_path='' node_image='' dry='' act=install purge=''
  read_arguments "$@"
  lib=/usr/lib/stackferry
  [ "$kind" = agent ] && state=/var/lib/stackferry || state=/var/lib/stackferry-relay
  # The service's command. Only an agent has a launcher.
  [ "$kind" = agent ] && start=$lib/agent/start || start="$lib/relay/node $lib/relay/relay.js"
  service=stackferry-$kind
  unit=/etc/systemd/system/$service.service
  initd=/etc/init.d/$service
  log=/var/log/$service.log
  check_user
  take_lock
  find_init
  if [ "$act" = uninstall ]; then
    uninstall
  else
    check_token
    check_machine
    [ "$kind" = relay ] || check_docker
    check_control
    find_node
    install_it
  fi
}

read_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      --name | --join | --advertise | --agent-args | --node | --node-image)
        [ $# -gt 1 ] || fail "$1 needs a value; --help shows how."
        ;;
    esac
    case $1 in
      --name) name=$2 && shift ;;
      --join) join=$2 && shift ;;
      --advertise) advertise=$2 && shift ;;
      --agent-args) more=$2 && shift ;;
      --node) node_path=$2 && shift ;;
      --node-image) node_image=$2 && shift ;;
      --relay) kind=relay ;;
      --auto-update) auto=--auto-update ;;
      --dry-run) dry=1 ;;
      --uninstall) act=uninstall ;;
      --purge-state) purge=1 ;;
      --help | -h) usage && exit 0 ;;
      *) fail "There is no option $1; --help shows those there are." ;;
    esac
    shift
  done
  [ -z "$auto" ] || [ "$kind" = agent ] || fail 'A relay is updated by its install line only: leave --auto-update out.'
  case $name$advertise$more$join in
    *[\"\'\\\$\`\;\&\|\<\>]* | *'
'*) fail 'Names, tokens and arguments may not hold quotes, $ or other signs of the shell; check what was pasted.' ;;
  esac
}

check_user() {
  [ "$(id -u)" = 0 ] || fail 'This needs root: paste the whole line, "sudo" included, or become root first.'
}

# One run at a time. A lock whose process is gone was left by an interrupted run.
take_lock() {
  lock=/run/stackferry-install
  [ -d /run ] || lock=/var/lib/stackferry-install
  if ! mkdir "$lock" 2>/dev/null; then
    if kill -0 "$(cat "$lock/pid" 2>/dev/null || echo 0)" 2>/dev/null && [ -s "$lock/pid" ]; then
      fail "Another run (process $(cat "$lock/pid")) is under way here: wait for its end, then run this again."
    fi
    rm -rf "$lock"
    mkdir "$lock" || fail "The lock $lock cannot be taken: remove it, then run this again."
  fi
  echo $$ >"$lock/pid"
  staged='' made=''
  trap 'clean_up' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

# Runs after an error or a signal too, and removes an incomplete installation.
clean_up() {
  code=$?
  [ -z "$staged" ] || rm -rf "$staged"
  if [ "$code" != 0 ] && [ -n "$made" ] && [ ! -e "$state/identity.json" ]; then
    stop_service
    remove_programs
    rmdir "$state" 2>/dev/null || true
  fi
  rm -f "$state/join.env"
  rm -rf "$lock"
}

find_init() {
  if [ -d /run/systemd/system ] && has systemctl; then
    init=systemd
  elif has rc-service && has rc-update; then
    init=openrc
  else
    init=none
  fi
}

# The last six characters of a token are the CRC-32 of the rest, in base 62. A gzip trailer has that checksum.
check_token() {
  if [ -e "$state/identity.json" ]; then
    join=''
    return 0
  fi
  [ -n "$join" ] || fail "This machine has not joined yet: create it with \"stackferry join NAME\", and paste the line that it prints."
  case $join in
    sfj_*) ;;
    *) fail 'That is no join token (they begin with sfj_): paste the whole line again.' ;;
  esac
  case ${join#sfj_} in
    *[!0-9A-Za-z]*) fail 'The join token is mistyped: paste the whole line again; it was not used up.' ;;
  esac
  [ ${#join} = 53 ] || fail "The join token is cut off or too long (${#join} characters, not 53): paste the whole line again; it was not used up."
  has gzip && has od || return 0
  body=$(printf %.47s "$join")
  # shellcheck disable=SC2046
  set -- $(printf %s "$body" | gzip -c | tail -c 8 | od -An -tu1)
  rest=$(($1 + $2 * 256 + $3 * 65536 + $4 * 16777216))
  sum=''
  while [ ${#sum} -lt 6 ]; do
    sum=$(digit $((rest % 62)))$sum
    rest=$((rest / 62))
  done
  [ "$body$sum" = "$join" ] || fail 'The join token is mistyped: paste the whole line again; it was not used up.'
}

digit() {
  printf %s 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz | cut -c $(($1 + 1))
}

check_machine() {
  [ "$(uname -s)" = Linux ] || fail "Stackferry runs on Linux, and this is $(uname -s)."
  case $(uname -m) in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "This machine is $(uname -m); Stackferry runs on x86_64 and aarch64." ;;
  esac
  for tool in curl tar gzip sha256sum; do
    has $tool || fail "The program $tool is missing: install it with this machine's packages, then run this again."
  done
  free=$(df -Pk /usr | awk 'NR == 2 { print $4 }')
  [ "$free" -ge $room_kib ] || fail "There are $((free / 1024)) MiB free on the file system of /usr, and $((room_kib / 1024)) are needed: make room, then run this again."
}

check_docker() {
  has docker || fail 'Docker is not installed here: install Docker Engine with its Compose plugin, then run this again.'
  api=$(docker version --format '{{.Server.APIVersion}}' 2>/dev/null) ||
    fail 'Docker does not answer: start it ("systemctl start docker"), then run this again.'
  older "$api" $docker_api_oldest && fail "Docker is too old: its API is $api, and $docker_api_oldest (Docker 20.10) or newer is needed: update it, then run this again."
  case $(docker info --format '{{.OperatingSystem}} {{.SecurityOptions}}' 2>/dev/null) in
    *'Docker Desktop'*) fail 'This is Docker Desktop, whose volumes are in a machine of its own: install Docker Engine instead.' ;;
    *name=rootless*) fail 'Docker runs rootless here, which Stackferry does not support: install Docker Engine as root.' ;;
  esac
  compose=$(docker compose version --short 2>/dev/null) ||
    fail 'Docker has no Compose plugin: install docker-compose-plugin (Debian: docker-compose), then run this again.'
  compose=${compose#v}
  if older "$compose" $compose_oldest; then
    fail "Docker Compose $compose is too old, $compose_oldest or newer is needed: update it, then run this again."
  fi
}

# True if version $1 is older than $2, by their first two numbers.
older() {
  a=${1%%.*} b=${2%%.*}
  [ "$a" -lt "$b" ] && return 0
  [ "$a" -eq "$b" ] || return 1
  c=${1#*.} c=${c%%[!0-9]*} d=${2#*.} d=${d%%[!0-9]*}
  [ "${c:-0}" -lt "${d:-0}" ]
}

# Fetches path $1 of the control plane into file $2; further arguments go to curl. Sets status.
fetch() {
  path=$1 into=$2
  shift 2
  tries=0
  while :; do
    problem=0
    curl -sS --proto =http,https --connect-timeout 10 --max-time 600 -o "$into" -w '%{http_code}' "$@" "$control$path" \
      >"$work/status" 2>"$work/error" || problem=$?
    [ $problem != 0 ] && [ $tries -lt 2 ] || break
    tries=$((tries + 1))
    sleep 1
  done
  case $problem in
    0) ;;
    5) fail "The proxy of this machine has no address: correct http_proxy or https_proxy, then run this again." ;;
    6) fail "The name in $control is not known to this machine: correct the address or its DNS, then run this again." ;;
    7 | 28 | 52 | 56) fail "Nothing answers at $control from here: start the control plane, or open the way to it, then run this again." ;;
    35) fail "What answers at $control speaks no TLS: use its http:// address, or give it a certificate, then run this again." ;;
    60) fail "The certificate of $control is not trusted here: add its authority to this machine's, then run this again." ;;
    *) fail "The control plane at $control cannot be read ($(head -n 1 "$work/error")): fix that, then run this again." ;;
  esac
  status=$(cat "$work/status")
}

# The control plane must serve the digests that are in this script.
check_control() {
  work=$lock
  fetch /install/SHA256SUMS "$work/sums" -D "$work/headers"
  case $status in
    200) ;;
    3??) fail "$control answers with a redirect, as a login page or a proxy would: let this machine reach /install/ there without a login." ;;
    407) fail "A proxy in the way wants a login: set https_proxy with a name and password, or go past it, then run this again." ;;
    *) fail "$control answers $status to /install/SHA256SUMS, so no Stackferry of this version runs there, or a proxy is in the way: check the address." ;;
  esac
  [ "$(cat "$work/sums")" = "$digests" ] ||
    fail "$control answers something else than this script was made with (a login page, a proxy, or another version): fetch the script again."
  check_clock
  if [ -n "$join" ]; then check_redeemable; fi
  case $control in
    http://127.* | http://localhost* | https://*) ;;
    http://*) say "Note: $control is plain http, so anyone on the network path can read the join token; https keeps it secret." ;;
  esac
}

# A certificate is valid from its issue on, by the control plane's clock.
check_clock() {
  told=$(tr -d '\r' <"$work/headers" | awk 'tolower($1) == "date:" { print $3, $4, $5, $6 }' | tail -n 1)
  [ -n "$told" ] || return 0
  # shellcheck disable=SC2086
  set -- $told
  there=$(echo "$1 $2 $3 $4" | awk '{
    month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $2) + 2) / 3
    split($4, time, ":")
    year = $3; if (month < 3) { year--; month += 12 }
    days = 365 * year + int(year / 4) - int(year / 100) + int(year / 400) + int((153 * (month - 3) + 2) / 5) + $1 - 719469
    printf "%d", days * 86400 + time[1] * 3600 + time[2] * 60 + time[3] }')
  off=$(($(date +%s) - there))
  [ $off -ge 0 ] && way=ahead || way=behind
  off=${off#-}
  [ $off -le $clock_seconds_max ] ||
    fail "The clock of this machine is $((off / 3600)) h $((off % 3600 / 60)) min $way of the control plane's: set it (timedatectl set-ntp true), then run this again."
}

# Checks the token by a request that cannot succeed: only one with a valid CSR uses the token up.
check_redeemable() {
  (umask 077 && printf '{"join_token":"%s","csr":"none"}' "$join" >"$work/ask")
  fetch /api/v1/enroll "$work/answer" -H 'content-type: application/json' --data-binary "@$work/ask"
  case $(cat "$work/answer") in
    *'"csr_invalid"'*) ;;
    *'"join_token_used"'*) fail 'That join token was used already: delete the host, create it again, and paste its new line.' ;;
    *'"join_token_expired"'*) fail 'That join token has expired: delete the host, create it again, and paste its new line.' ;;
    *'"join_token_invalid"'*) fail "The control plane at $control does not know that join token: create the host there, and paste the line that it prints." ;;
    *) fail "The control plane answers $status to the join token: look at its log, then run this again; the token was not used up." ;;
  esac
}

# Decides where Node comes from. Sets node_from: path, image or control.
find_node() {
  node_from=path
  if [ -n "$node_path" ]; then
    new_enough "$node_path" || fail "$node_path is not Node $node_oldest or newer: name another with --node."
    return 0
  fi
  if [ -n "$node_image" ]; then
    node_from=image
    return 0
  fi
  for node_path in "$(command -v node || true)" /usr/bin/node /usr/local/bin/node; do
    # A Node in a home directory may disappear with its user.
    case $node_path in /root/* | /home/*) continue ;; esac
    if new_enough "$node_path"; then return 0; fi
  done
  node_path='' node_from=control
  # In pieces: some platforms limit a static file to 25 MiB.
  pieces=$(printf '%s\n' "$digests" | awk -v name="node-linux-$arch.gz." 'index($2, name) == 1 { print $2 }')
  [ -n "$pieces" ] || fail "There is no Node $node_oldest or newer here, and the control plane carries none for $(uname -m): install one, or name it with --node PATH or --node-image IMAGE."
}

new_enough() {
  [ -n "$1" ] && [ -x "$1" ] || return 1
  found=$("$1" --version 2>/dev/null) || return 1
  ! older "${found#v}" $node_oldest
}

digest_of() { printf '%s\n' "$digests" | awk -v name="$1" '$2 == name { print $1 }'; }

fetch_checked() {
  fetch "/install/$1" "$2"
  [ "$status" = 200 ] || fail "The control plane answers $status to /install/$1: run this again; if it stays so, update the control plane."
  [ "$(sha256sum <"$2" | cut -d ' ' -f 1)" = "$(digest_of "$1")" ] ||
    fail "What arrived as $1 is not what the control plane has (cut off, or changed on the way): run this again."
}

install_it() {
  file=$kind.js
  digest=$(digest_of "$file")
  # A new directory each time: the running program keeps its files until it is restarted.
  version=$lib/$kind-$(printf %.12s "$digest")-$(date +%s)
  describe
  if [ -n "$dry" ]; then
    say 'Nothing was changed.'
    return 0
  fi
  mkdir -p "$lib"
  staged=$(mktemp -d "$lib/.new-XXXXXX")
  chmod 755 "$staged"
  fetch_checked "$file" "$staged/$file"
  bring_node
  "$staged/node" "$staged/$file" --help >/dev/null 2>"$work/error" ||
    fail "The program does not run here ($(head -n 1 "$work/error")): report this line."
  [ -e "$state/identity.json" ] || made=1
  previous=$(readlink "$lib/$kind" 2>/dev/null || true)
  [ "$kind" = relay ] || write_launcher
  mv "$staged" "$version"
  staged=''
  link_program "$version"
  mkdir -p "$state"
  chmod 700 "$state"
  keep_settings
  write_token
  case $init in
    systemd) write_unit ;;
    openrc) write_initd ;;
    none) tell_how_to_run && made='' && return 0 ;;
  esac
  start_service
  wait_online || go_back
  rm -f "$state/join.env"
  say "Online: $(service_log | grep "$sign" | tail -n 1)"
  made=''
  # The previous version stays: its processes may still run and need its files.
  for old in "$lib/$kind-"* "$state/programs/"*; do
    [ "${old##*/}" = "${version##*/}" ] || [ "${old##*/}" = "${previous##*/}" ] || rm -rf "$old"
  done
}

describe() {
  say "Stackferry $kind${name:+ \"$name\"} of $control"
  say "  program  $version/$file"
  case $node_from in
    path) say "  Node     $node_path ($("$node_path" --version))" ;;
    image) say "  Node     out of the image $node_image" ;;
    control) say '  Node     from the control plane' ;;
  esac
  say "  state    $state"
  say "  service  $init"
}

bring_node() {
  case $node_from in
    path) ln -s "$node_path" "$staged/node" ;;
    image)
      container=$(docker create "$node_image" node 2>"$work/error") || fail "The image $node_image cannot be used ($(tail -n 1 "$work/error")): name another, or --node PATH."
      docker cp -L "$container:/usr/local/bin/node" "$staged/node" >/dev/null 2>"$work/error" || docker cp -L "$container:/usr/bin/node" "$staged/node" >/dev/null 2>"$work/error" || problem=1
      docker rm "$container" >/dev/null
      [ -e "$staged/node" ] || fail "The image $node_image holds no Node: name another, or --node PATH."
      ;;
    control)
      for piece in $pieces; do
        fetch_checked "$piece" "$staged/piece"
        cat "$staged/piece" >>"$staged/node.gz"
        rm "$staged/piece"
      done
      gzip -dc "$staged/node.gz" >"$staged/node" || fail 'Node cannot be unpacked: make room on /usr, then run this again.'
      rm "$staged/node.gz"
      chmod 755 "$staged/node"
      ;;
  esac
  new_enough "$staged/node" || fail "The Node that came ($node_from) does not run here (on Alpine: apk add nodejs): install Node $node_oldest or newer, then run this again."
}

# The service reads the token at its first start, then the file is removed. Every local user could read an argument.
write_token() {
  [ -n "$join" ] || return 0
  (umask 077 && printf 'STACKFERRY_JOIN_TOKEN=%s\n' "$join" >"$state/join.env")
}

arguments() {
  # An update that gives none keeps those of the install before.
  if [ -z "$advertise$more" ] && [ -f "$state/arguments" ]; then
    told=$(cat "$state/arguments")
  else
    told="--control $control --state $state${advertise:+ --advertise $advertise}${more:+ $more}"
  fi
  case " $told " in
    *' --auto-update '*) ;;
    *) told="$told${auto:+ $auto}" ;;
  esac
  printf '%s\n' "$told" | tee "$state/arguments"
}

# The launcher starts the program of the last upgrade that came online ("current"), else the installed one. A new program
# gets one start, which renames "next" to "trial". Once online, it renames that to "current"; a "trial" that the next start
# finds has failed. The directory of these programs has the name of this install, so the next install starts without them.
write_launcher() {
  cat >"$staged/start" <<EOF
#!/bin/sh
# Written by install.sh of $control.
here=\$(readlink -f "\$0")
here=\${here%/*}
STACKFERRY_PROGRAMS=$state/programs/\${here##*/}
export STACKFERRY_PROGRAMS
online_seconds_max=$online_seconds_max
EOF
  cat >>"$staged/start" <<'EOF'
program=$here/agent.js
cd "$STACKFERRY_PROGRAMS" 2>/dev/null || exec "$here/node" "$program" "$@"
if [ -s current ]; then program=$(readlink -f current); fi
# A word of the host's owner to the agent's program is no start of it.
case "${1-}" in
allow | allowed | disallow) cd "$OLDPWD" && exec "$here/node" "$program" "$@" ;;
esac

# Kills a new program that hangs: the service runs this script again, which goes back. Detached, so that it is no child of
# the agent.
watch() {
  waited=0
  while [ -L trial ] && kill -0 $$ 2>/dev/null; do
    if [ $waited -ge $online_seconds_max ]; then
      echo "it was not online after $online_seconds_max s" >why
      kill -9 $$
    fi
    waited=$((waited + 1))
    sleep 1
  done
}

if [ -L trial ]; then
  echo "stackferry: the new program did not come online; the one before starts again" >&2
  mv -f trial failed
elif [ -s next ] && mv -f next trial; then
  program=$(readlink -f trial)
  (watch &) >/dev/null 2>&1 </dev/null
fi
cd /
exec "$here/node" "$program" "$@"
EOF
  chmod 755 "$staged/start"
}

write_unit() {
  cat >"$unit.new" <<EOF
# Written by install.sh of $control. Settings of your own go into a drop-in: systemctl edit $service
[Unit]
Description=Stackferry $kind
Documentation=$control
Wants=network-online.target
After=network-online.target docker.service
StartLimitIntervalSec=0

[Service]
ExecStart=$start $(arguments)
EnvironmentFile=-$state/join.env
Restart=always
RestartSec=5
# Two processes of their own must outlive the agent: the lease guard, which stops stacks whose lease ran out, and the
# connection holder, where the connections to a stack that moves wait.
KillMode=process
TimeoutStopSec=90
LimitNOFILE=65536
TasksMax=4096
OOMScoreAdjust=-500

NoNewPrivileges=yes
ProtectSystem=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
$(extra_hardening)

[Install]
WantedBy=multi-user.target
EOF
  mv "$unit.new" "$unit"
}

# A relay needs only its port and its state. An agent reads and writes stacks anywhere.
extra_hardening() {
  if [ "$kind" = relay ]; then
    cat <<EOF
CapabilityBoundingSet=
ProtectSystem=strict
ReadWritePaths=$state
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictSUIDSGID=yes
SystemCallFilter=~@privileged @resources
UMask=0077
EOF
  else
    cat <<EOF
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_SETFCAP CAP_MKNOD CAP_KILL CAP_SYS_PTRACE CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE
DevicePolicy=closed
EOF
  fi
}

write_initd() {
  command=${start%% *}
  cat >"$initd.new" <<EOF
#!/sbin/openrc-run
# Written by install.sh of $control.
description="Stackferry $kind"
supervisor=supervise-daemon
command=$command
command_args="${start#"$command"} $(arguments)"
output_log=$log
error_log=$log
respawn_delay=5
respawn_max=0
rc_ulimit="-n 65536"
depend() {
  need net
  after docker
}
start_pre() {
  if [ -f $state/join.env ]; then
    set -a
    . $state/join.env
    set +a
  fi
}
EOF
  chmod 755 "$initd.new"
  mv "$initd.new" "$initd"
}

tell_how_to_run() {
  say 'Neither systemd nor OpenRC runs here, so no service was made. Have this kept running, as root:'
  say ''
  # Without the launcher: an upgrade would end an agent that nobody may start again.
  say "  ${join:+STACKFERRY_JOIN_TOKEN=$join }$lib/$kind/node $lib/$kind/$kind.js $(arguments)"
  say ''
  say 'The token is needed at its first start only. What ends it must end that process alone, never its process group.'
}

start_service() {
  started=$(date +%s)
  if [ "$init" = systemd ]; then
    systemctl daemon-reload
    systemctl enable -q "$service"
    systemctl restart "$service"
  else
    : >>"$log"
    lines=$(wc -l <"$log")
    rc-update -q add "$service" default
    rc-service -q "$service" restart
  fi
}

stop_service() {
  if [ "$init" = systemd ]; then
    systemctl disable -q --now "$service" 2>/dev/null || true
    rm -f "$unit"
    systemctl daemon-reload || true
  elif [ "$init" = openrc ]; then
    rc-service -q "$service" stop 2>/dev/null || true
    rc-update -q del "$service" default 2>/dev/null || true
    rm -f "$initd"
  fi
}

service_log() {
  if [ "$init" = systemd ]; then
    journalctl -q -u "$service" --since "@$started" -o cat 2>/dev/null
  else
    tail -n "+$((lines + 1))" "$log"
  fi
}

wait_online() {
  [ "$kind" = agent ] && sign='is connected to' || sign='listens on port'
  while ! service_log | grep -q "$sign"; do
    [ $(($(date +%s) - started)) -lt $online_seconds_max ] || return 1
    sleep 1
  done
}

# Saves the settings that an update replaces, for go_back.
keep_settings() {
  kept=$work/kept
  mkdir "$kept"
  for setting in "$unit" "$initd" "$state/arguments"; do
    if [ -f "$setting" ]; then cp -p "$setting" "$kept/"; fi
  done
}

# Restores program and settings after an update that did not come online. Ends the run.
go_back() {
  last=$(service_log | tail -n 1)
  last=${last:-it says nothing}
  [ -e "$state/identity.json" ] ||
    fail "The $kind cannot join ($last): fix that, then run this again; nothing was left installed, and the token was not used up."
  [ -n "$previous" ] && [ -d "$previous" ] ||
    fail "The $kind is installed and not online yet ($last): fix that; it keeps trying by itself."
  say "The new $kind is not online after $online_seconds_max s: going back to the one before."
  link_program "$previous"
  for setting in "$unit" "$initd" "$state/arguments"; do
    if [ -f "$kept/${setting##*/}" ]; then cp -p "$kept/${setting##*/}" "$setting"; fi
  done
  start_service
  rm -rf "$version"
  wait_online ||
    fail "Neither the new $kind ($last) nor the one before comes online: look whether $control is reached from here; the one before goes on trying by itself."
  fail "The new $kind does not come online ($last): the one before runs again and is online; report this line."
}

link_program() {
  ln -s "$1" "$lib/.$kind-link"
  mv -fT "$lib/.$kind-link" "$lib/$kind" 2>/dev/null || { rm -f "$lib/$kind" && mv "$lib/.$kind-link" "$lib/$kind"; }
}

remove_programs() {
  rm -rf "$state/programs"
  rm -rf "$lib/$kind-"* "$lib/$kind" "$lib/.new-"*
  rmdir "$lib" 2>/dev/null || true
}

# Removes no stack, volume or image. Without --purge-state keys and records stay, so that a later install is the same host.
uninstall() {
  if [ -n "$dry" ]; then
    say "Would stop $service and remove $lib/$kind${purge:+ and $state}. No stack is touched. Nothing was changed."
    return 0
  fi
  if [ ! -e "$lib/$kind" ] && [ ! -e "$unit" ] && [ ! -e "$initd" ]; then
    say "No Stackferry $kind is installed here."
  fi
  if [ "$kind" = agent ] && [ -e "$state/lease-guard.json" ] && kill -0 "$(sed 's/.*"pid":\([0-9]*\).*/\1/' "$state/lease-guard.json")" 2>/dev/null; then
    fail 'A migration is under way on this host: let it end, or cancel it, then run this again.'
  fi
  stop_service
  # The connection holder outlives the agent. Without its socket it removes its firewall rules and ends.
  [ "$kind" = relay ] || rm -f "$state/connection-holder.sock"
  remove_programs
  rm -f "$log"
  if [ -n "$purge" ]; then
    rm -rf "$state"
    say "The $kind is uninstalled, with its keys and records. No stack was touched. Delete the host at $control too."
  else
    say "The $kind is uninstalled; no stack was touched. $state keeps its keys and records (--uninstall --purge-state removes them)."
  fi
}

main "$@" </dev/null
