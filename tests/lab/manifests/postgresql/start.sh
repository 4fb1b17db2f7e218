#!/bin/sh
# The part of bitnami's image that the chart relies on: a database cluster made from the release's
# Secret, with the owner's role and database, then PostgreSQL in the foreground.
# Arguments: server settings, as "-c name=value".
set -eu

volume=/bitnami/postgresql
scripts=$(dirname "$0")
certificates=/opt/bitnami/postgresql/certs

# Wherever the image has the server's programs; of several versions, the last.
mkdir -p "$volume/bin"
for programs in /usr/lib/postgresql/*/bin; do
    ln -sf "$programs"/* "$volume/bin"
done

if [ ! -e "$volume/.initialized" ]; then
    rm -rf "$PGDATA"
    initdb --username=postgres --encoding=UTF8 --locale=C --auth=reject \
        --no-sync >/dev/null
    cp "$scripts/pg_hba.conf" "$scripts/pg_ident.conf" "$PGDATA"
    cat "$scripts/postgresql.conf" >>"$PGDATA/postgresql.conf"

    # On the socket only, and without a log of statements that hold passwords.
    pg_ctl --wait --silent --log="$volume/setup.log" --options="-c listen_addresses= -c log_statement=none" start || {
        cat "$volume/setup.log" >&2
        exit 1
    }
    psql="psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres"
    PGDATABASE=postgres $psql --set=owner="$POSTGRES_USER" --set=database="$POSTGRES_DATABASE" \
        --file="$scripts/roles.sql"
    PGDATABASE=$POSTGRES_DATABASE $psql --set=owner="$POSTGRES_USER" --file="$scripts/rows.sql"
    PGDATABASE=archive $psql --set=owner="$POSTGRES_USER" --file="$scripts/archive.sql"
    pg_ctl --wait --silent --mode=fast stop
    touch "$volume/.initialized"
fi

if [ -e "$certificates/tls.crt" ]; then
    install -m 0600 "$certificates/tls.crt" "$certificates/tls.key" "$PGDATA"
    set -- "$@" -c ssl=on -c ssl_cert_file=tls.crt -c ssl_key_file=tls.key
fi

# What a killed container left; the process it names may be ours by now.
rm -f "$PGDATA/postmaster.pid"
exec postgres -c "listen_addresses=*" "$@"
