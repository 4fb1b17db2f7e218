-- What bitnami's image makes of auth.username, auth.password, auth.postgresPassword and auth.database:
-- the superuser has a password only where the Secret has one.
\set password `cat "$POSTGRES_PASSWORD_FILE"`
CREATE ROLE :"owner" WITH LOGIN CREATEDB PASSWORD :'password';
CREATE DATABASE :"database";
GRANT ALL PRIVILEGES ON DATABASE :"database" TO :"owner";
ALTER DATABASE :"database" OWNER TO :"owner";

\set superuser_password `cat "$POSTGRES_POSTGRES_PASSWORD_FILE" 2>/dev/null || true`
SELECT format('ALTER ROLE postgres PASSWORD %L', :'superuser_password') WHERE :'superuser_password' <> '' \gexec

-- The owner's life before any share: a group of her own colleagues, and a second database.
CREATE ROLE analysts NOLOGIN;
SET SESSION AUTHORIZATION :"owner";
CREATE DATABASE archive;
