#!/bin/sh
# Health check of nats-server in a container; the container's own restart policy follows where it ends the server.
#
# Well is: JetStream runs. A stream that met a full disk refuses everything until the server is restarted, which is of use
# once there is room again: then, and when that has been so for a minute, the server is ended in an orderly way. The mark
# of the minute goes with the container's /tmp, so a restart that does not help is not repeated faster than that. What
# recovers, elects or does not answer is never ended from here.
#
# health.sh [PID of the server]
set -u
server=${1:-1}
monitor=127.0.0.1:8222
since=${TMPDIR:-/tmp}/broken-since
room_kilobytes_min=16384
patience_seconds=60

wget -q -O /dev/null "http://$monitor/healthz?js-server-only=true" || exit 1

# wget shows nothing of an answer that is an error.
said=$(printf 'GET /healthz HTTP/1.0\r\n\r\n' | nc 127.0.0.1 8222 | tail -n 1)
case $said in
  *'write error'*) ;;
  *) rm -f "$since"; exit 0 ;;
esac

room=$(df -Pk /data | awk 'NR == 2 { print $4 }')
if [ "$room" -lt "$room_kilobytes_min" ]; then
  rm -f "$since"
  echo "no room: $said"
  exit 1
fi
now=$(date +%s)
[ -e "$since" ] || echo "$now" > "$since"
if [ $((now - $(cat "$since"))) -ge "$patience_seconds" ]; then
  rm -f "$since"
  echo "nats-server is ended, a restart cures it: $said" > "/proc/$server/fd/1"
  kill -TERM "$server"
fi
echo "$said"
exit 1
