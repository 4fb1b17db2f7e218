#!/bin/sh
# The peer of `share-db postgres --with …`: the same share, by kubectl and psql. One apply, one
# port-forward, one psql that makes the login, two that try it, and the same questions to the API
# server. $1 is a folder with what the tool made, as files; $2 the database's pod; $3 its database; $4 the
# kubeconfig of somebody who may impersonate, which the owner of a namespace may not.
set -eu

kubectl apply --filename="$1/objects.json" >/dev/null

coproc="$1/forward"
rm -f "$coproc" && mkfifo "$coproc"
kubectl port-forward "pod/$2" :5432 >"$coproc" 2>/dev/null &
forward=$!
trap 'kill "$forward"' EXIT
exec 3<"$coproc"
read -r line <&3
port=${line##*127.0.0.1:}
port=${port%% *}

export PGHOST=127.0.0.1 PGPORT="$port" PGDATABASE="$3" PGSSLMODE=disable
PGUSER=postgres PGPASSFILE="$1/superuser.pgpass" psql --no-psqlrc --quiet --output=/dev/null \
    --set=ON_ERROR_STOP=1 --single-transaction --file="$1/share.sql"
PGUSER=$(cat "$1/role")
export PGUSER
PGPASSFILE="$1/share.pgpass" psql --no-psqlrc --quiet --output=/dev/null --command='SELECT 1'
if PGPASSWORD=wrong psql --no-psqlrc --quiet --command='SELECT 1' >/dev/null 2>&1; then
    exit 1
fi

while read -r expected words; do
    # The words are of the tool's own output: no blank is inside of one.
    # shellcheck disable=SC2086
    answer=$(KUBECONFIG="$4" kubectl auth can-i $words 2>/dev/null || true)
    if [ "$answer" != "$expected" ]; then
        echo "can-i $words: $answer, not $expected" >&2
        exit 1
    fi
done <"$1/questions"
