//! Examples below the help pages; `{command}` stands for the command as it was spelled.

use datalab_core::cli::EXIT_CODES;

pub(crate) fn of_all() -> String {
    format!(
        "\
Examples:
  eval \"$({{command}} get)\"                 keys for this shell (bash, zsh, fish)
  {{command}} exec --renew -- python job.py   keys for a program, renewed while it runs
  {{command}} configure aws                   a profile for the aws CLI and all SDKs
  {{command}} get -o k8s-secret | kubectl apply -f -

{EXIT_CODES}"
    )
}

pub(crate) const GET: &str = "\
Examples:
  eval \"$({command} get)\"
  {command} get -o fish | source
  {command} get -o duckdb --bucket sales --read-only
  {command} get -o json --onyxia https://datalab.example.org --profile team-a
  {command} get --endpoint https://s3.example.org --role-arn arn:aws:iam:::role/alice \\
      --token env:CI_JOB_JWT";

pub(crate) const CREDENTIAL_PROCESS: &str = "\
Example, in ~/.aws/config (configure aws writes it):
  [profile datalab]
  credential_process = /usr/local/bin/kubectl-datalab-s3_creds credential-process";

pub(crate) const EXEC: &str = "\
Examples:
  {command} exec -- aws s3 ls s3://sales
  {command} exec --renew -- python train.py
  {command} exec --bucket sales --read-only -- ./report.sh

The exit code is the command's own; 125: it was not started.";

pub(crate) const SERVE: &str = "\
Examples:
  {command} serve > s3.env & sleep 1; . ./s3.env; python train.py
  {command} serve --port 8479 --token-file ~/.s3-token";
