# To be sourced: starts a PostgreSQL server for the tests on a free port of this machine, in a folder that goes away at
# exit, and names it in PERENNIAL_TEST_POSTGRES. Where there is none and none can be installed, the tests that need it say so and pass.

postgres_folder=""

as_postgres() {
    # The server refuses to run as root.
    if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

stop_postgres() {
    [ -n "$postgres_folder" ] || return 0
    as_postgres "$postgres_programs/pg_ctl" -D "$postgres_folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$postgres_folder"
    postgres_folder=""
}

find_postgres() {
    postgres_programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
    [ -x "$postgres_programs/initdb" ] && [ -x "$postgres_programs/pg_ctl" ]
}

install_postgres() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    # The server that Debian would start is not needed.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    export DEBIAN_FRONTEND=noninteractive
    timeout 120 apt-get -qq update && timeout 300 apt-get -qq -y --no-install-recommends \
        -o Dpkg::Options::=--force-confold install postgresql
} </dev/null >/dev/null 2>&1

start_postgres() {
    find_postgres || { install_postgres && find_postgres; } || { echo "no PostgreSQL: its tests are skipped"; return 0; }
    local port password
    postgres_folder=$(mktemp -d)
    trap stop_postgres EXIT
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    echo "$password" >"$postgres_folder/password"
    if [ "$(id -u)" = 0 ]; then chown -R postgres: "$postgres_folder"; fi
    as_postgres "$postgres_programs/initdb" -D "$postgres_folder/data" -U postgres -E UTF8 --locale=C \
        --auth=scram-sha-256 --pwfile="$postgres_folder/password" >/dev/null || { stop_postgres; return 0; }
    for _ in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        if as_postgres "$postgres_programs/pg_ctl" -D "$postgres_folder/data" -w -t 60 -l "$postgres_folder/log" \
            -o "-F -p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=" start >/dev/null; then
            export PERENNIAL_TEST_POSTGRES="host=127.0.0.1 port=$port user=postgres password=$password dbname=postgres"
            return 0
        fi
    done
    echo "PostgreSQL does not start: its tests are skipped"
    stop_postgres
}
