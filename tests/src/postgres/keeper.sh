# Keeps a throw-away PostgreSQL server for the process that holds the other end of standard input: makes a cluster in
# the folder $1, starts the server, says "ready", and when standard input ends (however that process ended) removes
# server and folder. $2 is where PostgreSQL's programs are, $3 what makes one run as a user that may run them.

# Whatever ends the process that we serve must not end us, too, before everything is removed.
trap '' HUP INT PIPE TERM
folder=$1 bin=$2 as_server=$3

{
    $as_server "$bin/initdb" --pgdata="$folder/data" --username=offchainvm --auth=trust --encoding=UTF8 --locale=C \
        --no-sync --no-instructions &&
    # Reachable through a socket in the folder only, and only for those who may enter it.
    $as_server "$bin/pg_ctl" start --silent --wait --pgdata="$folder/data" --log="$folder/server.log" \
        --options="-c listen_addresses='' -c unix_socket_directories='$folder' -c max_connections=200"
} >"$folder/start.log" 2>&1 </dev/null && started=yes

if [ "$started" = yes ]; then echo ready; else cat "$folder"/*.log; fi
exec >&- 2>&-
cat >/dev/null

$as_server "$bin/pg_ctl" stop --silent --wait --mode=immediate --pgdata="$folder/data"
rm -rf -- "$folder"
