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
