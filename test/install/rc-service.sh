#!/bin/sh
# As much of OpenRC as install.sh uses: rc-service [-q] NAME restart|stop, of a supervised program.
set -eu
[ "$1" = -q ] && shift
name=$1 pidfile=/run/$1.pid
if [ -f "$pidfile" ]; then
  pid=$(cat "$pidfile")
  kill "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  rm "$pidfile"
fi
[ "$2" = restart ] || exit 0
# shellcheck source=/dev/null
. "/etc/init.d/$name"
start_pre
# shellcheck disable=SC2086,SC2154
setsid "$command" $command_args >>"$output_log" 2>>"$error_log" </dev/null &
echo $! >"$pidfile"
