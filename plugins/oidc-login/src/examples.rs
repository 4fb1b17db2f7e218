//! What stands below the options of each help page. `{command}` is the command as it was spelled.

use datalab_core::cli;

pub(crate) fn of_all() -> String {
    format!(
        "Examples:
  {{command}} setup --onyxia https://datalab.example   # kubectl logs in through the platform
  kubectl get pods                                     # logs in when it must, else nobody notices
  {{command}} list                                     # who is logged in, where, until when
  {{command}} token --audience s3 | some-tool          # the same login, for another service
  {{command}} logout                                   # here and at the issuer

{}",
        cli::EXIT_CODES
    )
}

pub(crate) const SETUP: &str = "\
Examples:
  {command} setup --onyxia https://datalab.example
  {command} setup --issuer https://auth.example/realms/lab --client-id kubernetes \\
      --server https://api.example:6443 --server-ca ca.pem --audience s3=minio
  {command} setup --onyxia https://datalab.example --account bob   # beside one's own
  {command} setup --print authentication-configuration --issuer … --client-id kubernetes

Everything is checked before anything is written: that the issuer is one, that it would let the
client log in, that the API server's certificate is trusted.";

pub(crate) const GET_TOKEN: &str = "\
kubectl runs this, as setup writes it into the kubeconfig. By hand:
  {command} get-token --issuer https://auth.example/realms/lab --client-id kubernetes | jq .status";

pub(crate) const LOGIN: &str = "\
Examples:
  {command} login
  {command} login --flow device
  {command} login --account bob --prompt login

A login that waits in another terminal, an IDE or k9s is finished here.";

pub(crate) const LOGOUT: &str = "\
Examples:
  {command} logout
  {command} logout --sso     # and out of every application that uses the issuer
  {command} logout --all

What was kept here is gone in any case. A token that was handed out holds until it expires.";

pub(crate) const TOKEN: &str = "\
Examples:
  {command} token --audience s3 > \"$XDG_RUNTIME_DIR/s3-token\"
  curl -H \"Authorization: Bearer $({command} token --audience vault)\" https://vault.example/v1/…";

pub(crate) const WHOAMI: &str = "\
Examples:
  {command} whoami
  {command} whoami --server          # and to the API server
  {command} whoami -o jsonpath={.groups}";

pub(crate) const DOCTOR: &str = "\
Examples:
  {command} doctor
  {command} doctor --authentication-config /etc/kubernetes/authentication.yaml
  {command} doctor --onyxia https://datalab.example

What cannot be seen from here is called unseen. It exits with 1 if something is wrong.";
