//! What stands below the options of each help page. `{command}` is the command as it was spelled.

use datalab_core::cli;

pub(crate) fn of_all() -> String {
    format!(
        "Examples:
  {{command}} postgres --with user-x             # user-x may read, for 30 days
  {{command}} list                               # who has what, and does it hold
  {{command}} revoke postgres --with user-x      # take it back
  {{command}} connect user-me/postgresql-951239  # the colleague, anywhere

{}",
        cli::EXIT_CODES
    )
}

pub(crate) const GRANT: &str = "\
Examples:
  {command} postgres --with user-x
  {command} postgres --with user-x --schema sales --access write --for 7d
  {command} postgres --with projet-p --subject group:projet-p --dry-run=server
  {command} postgres --with user-x --isolate --yes

The same command again changes nothing, or mends what was changed since.";

pub(crate) const LIST: &str = "\
Examples:
  {command} list
  {command} list postgres/postgresql-951239 --live -o wide
  {command} list --exit-code -o name

States: ok; expired; drifted (changed since); open-to-all (no isolation);
  orphan (its Secret or its database is gone).";

pub(crate) const REVOKE: &str = "\
Examples:
  {command} revoke postgres --with user-x
  {command} revoke postgres/postgresql-951239 --all --yes
  {command} revoke --expired --yes
  {command} revoke postgres --with user-x --reassign-to me";

pub(crate) const CONNECT: &str = "\
Examples:
  {command} connect user-me/postgresql-951239
  {command} connect user-me/postgresql-951239 -- psql -c 'select 1'
  {command} connect user-me/postgresql-951239 -- python report.py
  {command} connect user-me/postgresql-951239 --listen --port 5433
  eval \"$({command} connect user-me/postgresql-951239 --print env)\"

From outside the cluster a running pod of yours carries the connection, a notebook say; where none
can, a relay pod does, which ends with the command. The command's own exit code is passed through; 125 says that it was not started.";
