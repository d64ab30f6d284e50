#!/usr/bin/env bash
# Servers for tests: a PostgreSQL server on loopback, in a folder of its own; Redis and nginx are started by their tests.
#
#   tools/test_services.sh install                 PostgreSQL, Redis and nginx from Debian's packages, those that are
#                                                  missing (needs root)
#   tools/test_services.sh start DIR [--install]   prints TEST_DATABASE_URL=postgresql://…
#   tools/test_services.sh stop DIR                stops the server that lives in DIR, by its process id
#
# --install: get PostgreSQL from Debian's packages if it is not there (needs root). Without a server program: exit 3.
set -euo pipefail

binaries() {
  local folder
  for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr) "$(dirname "$(command -v pg_ctl || echo /nowhere/x)")"; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
      echo "$folder"
      return
    fi
  done
  return 1
}

# The server refuses to run as root.
as_owner() {
  if [ "$(id -u)" = 0 ]; then
    runuser -u "$OWNER" -- "$@"
  else
    "$@"
  fi
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

install() {
  local wanted=()
  binaries >/dev/null || wanted+=(postgresql)
  command -v redis-server >/dev/null || command -v valkey-server >/dev/null || wanted+=(redis-server)
  command -v nginx >/dev/null || wanted+=(nginx-light)
  if [ ${#wanted[@]} -gt 0 ]; then
    apt-get update -qq >&2
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >&2
  fi
}

start() {
  local dir=$1 bin port
  if ! bin=$(binaries); then
    [ "${2:-}" = --install ] || { echo "PostgreSQL is not installed" >&2; exit 3; }
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2
    bin=$(binaries)
  fi
  mkdir -p "$dir/postgres"
  if [ "$(id -u)" = 0 ]; then
    OWNER=$(id -un postgres 2>/dev/null || echo nobody)
    chown "$OWNER" "$dir/postgres"
    chmod o+x "$dir"
    as_owner test -x "$dir/postgres" || { echo "$OWNER cannot reach $dir; choose a folder below /tmp" >&2; exit 1; }
  fi
  cd "$dir/postgres"
  port=$(free_port)
  as_owner "$bin/initdb" -D "$dir/postgres/data" -U test -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1
  as_owner "$bin/pg_ctl" -D "$dir/postgres/data" -l "$dir/postgres/server.log" -w -t 30 \
    -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c fsync=off -c shared_buffers=16MB" \
    start >"$dir/start.log" 2>&1 || { cat "$dir/start.log" "$dir/postgres/server.log" >&2; exit 1; }
  echo "TEST_DATABASE_URL=postgresql://test@127.0.0.1:$port/postgres"
}

stop() {
  local pid_file=$1/postgres/data/postmaster.pid pid
  [ -f "$pid_file" ] || return 0
  pid=$(head -n 1 "$pid_file")
  kill -QUIT "$pid" # at once: its data are thrown away
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  echo "the server with the process id $pid does not end" >&2
  exit 1
}

case "${1:-}" in
  install) install ;;
  start) start "$(realpath -m "${2:?DIR}")" "${3:-}" ;;
  stop) stop "$(realpath -m "${2:?DIR}")" ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
