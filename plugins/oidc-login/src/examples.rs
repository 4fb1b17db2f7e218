//! What stands below the options of each help page. `{command}` is the command as it was spelled.

use datalab_core::cli;

pub(crate) fn of_all() -> String {
    format!(
        "Examples:
  {{command}} setup --onyxia https://datalab.example  # writes the kubeconfig
  kubectl get pods                                                   # logs in when it must
  {{command}} list                                    # who, where, until when
  {{command}} token --audience s3                     # for another service
  {{command}} logout                                  # here and at the issuer

{}",
        cli::EXIT_CODES
    )
}

pub(crate) const SETUP: &str = "\
Examples:
  {command} setup --onyxia https://datalab.example
  {command} setup --onyxia https://datalab.example --account bob
  {command} setup --issuer URL --client-id ID --server URL --server-ca ca.pem
  {command} setup --print kuberc

Everything is checked before anything is written: that the issuer is one, that it would let the
client log in, that the API server's certificate is trusted.";

pub(crate) const GET_TOKEN: &str = "\
kubectl runs this, as setup writes it into the kubeconfig. By hand:
  {command} get-token --issuer URL --client-id ID | jq .status";

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

Services of the same login that have a client of their own are logged out with it. What was kept
here is gone in any case. A token that was handed out holds until it expires.";

pub(crate) const LIST: &str = "\
Examples:
  {command} list
  {command} list -o wide     # also when tokens expire, and where their key is kept
  {command} list -o json | jq -r '.items[] | select(.state == \"active\") | .account'";

pub(crate) const REFRESH: &str = "\
Examples:
  {command} refresh --now
  {command} refresh --now --account bob";

pub(crate) const TOKEN: &str = "\
Examples:
  {command} token --audience s3 > \"$XDG_RUNTIME_DIR/s3-token\"
  {command} token --audience vault | vault write auth/jwt/login jwt=-";

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
