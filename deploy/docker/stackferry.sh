#!/bin/sh
# In the image: stackferry agent|relay OPTIONS…
case "${1:-help}" in
agent | relay)
  program=$1
  shift
  exec node "/usr/lib/stackferry/$program.js" "$@"
  ;;
health)
  # Healthy: the control plane was connected within the last minute.
  [ -n "$(find "$STACKFERRY_HEALTH_FILE" -newermt '-60 seconds' 2>/dev/null)" ] && exit 0
  echo "not connected to the control plane: see this container's log"
  exit 1
  ;;
*)
  echo "stackferry agent --control URL --state DIR [options], or stackferry relay --control URL --state DIR --advertise HOST:PORT [options]"
  echo "What an agent's container needs of its host is in docs/containers.md."
  [ "${1:-help}" = help ]
  ;;
esac
