//! Examples below the help pages; `{command}` stands for the command as it was spelled.

use std::fmt::Write as _;

use clap::ValueEnum as _;
use datalab_core::cli::EXIT_CODES;

use crate::forms::Form;

pub(crate) fn of_all() -> String {
    format!(
        "\
Examples:
  eval \"$({{command}} get)\"                   keys for this shell (bash, zsh, fish)
  {{command}} exec --renew -- python job.py   keys for a program, renewed while it runs
  {{command}} configure aws                   a profile for the aws CLI and all SDKs
  {{command}} get -o k8s-secret | kubectl apply -f -

DATALAB_ONYXIA, DATALAB_S3_ENDPOINT, DATALAB_STS_ENDPOINT, DATALAB_S3_ROLE_ARN, DATALAB_S3_PROFILE,
DATALAB_ISSUER, DATALAB_CLIENT_ID and DATALAB_CA_FILE are read where a flag does not say it.

{EXIT_CODES}"
    )
}

/// The forms with what each is for, and examples.
pub(crate) fn of_get() -> String {
    let mut text = "Forms:\n".to_owned();
    for value in Form::value_variants()
        .iter()
        .filter_map(Form::to_possible_value)
    {
        let help = value
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:<19}{help}", value.get_name());
    }
    text + "\nExamples:
  eval \"$({command} get)\"
  {command} get -o fish | source
  {command} get -o duckdb --bucket sales --read-only
  {command} get -o json --onyxia https://datalab.example.org
  {command} get --endpoint URL --role-arn ARN --token env:CI_JOB_JWT"
}

pub(crate) const CREDENTIAL_PROCESS: &str = "\
Examples:
  {command} configure aws   writes a profile that runs it
  {command} credential-process --duration 12h | jq -r .Expiration";

pub(crate) const EXEC: &str = "\
Examples:
  {command} exec -- aws s3 ls s3://sales
  {command} exec --renew -- python train.py
  {command} exec --bucket sales --read-only -- ./report.sh

The exit code is the command's own; 125: it was not started.";

pub(crate) const SERVE: &str = "\
Examples:
  (umask 077; exec {command} serve > s3.env) &
  {command} serve --port 8479 --token-file ~/.s3/token

Then, in another shell: . ./s3.env; python train.py";

pub(crate) const CONFIGURE: &str = "\
Examples:
  {command} configure aws
  {command} configure rclone --name lab --bucket sales --read-only
  {command} configure mc --onyxia https://datalab.example.org --dry-run
  {command} configure aws --name lab --remove";

pub(crate) const SHELL: &str = "\
Examples:
  {command} shell                            # exit ends it, and its keys are gone
  {command} shell --bucket sales --read-only";

pub(crate) const STATUS: &str = "\
Examples:
  {command} status
  {command} status -o json | jq -r '.items[] | select(.state == \"fresh\") | .roleArn'";

pub(crate) const PROFILES: &str = "\
Examples:
  {command} profiles
  {command} profiles --onyxia https://datalab.example.org -o wide";

pub(crate) const WHOAMI: &str = "\
Examples:
  {command} whoami
  {command} whoami --token env:CI_JOB_JWT -o json";

pub(crate) const VERIFY: &str = "\
Examples:
  {command} verify
  {command} verify --bucket sales --write     # writes one object, and removes it

It exits with 4 if the store refuses something, and with 3 if there is no such bucket.";

pub(crate) const DOCTOR: &str = "\
Examples:
  {command} doctor
  {command} doctor --endpoint URL --role-arn ARN --token env:CI_JOB_JWT

It exits with 1 if something is wrong.";

pub(crate) const LOGOUT: &str = "\
Examples:
  {command} logout
  {command} logout --endpoint https://s3.example.org

Keys that were handed out hold until they expire. The login goes on: oidc-login logout ends it.";
