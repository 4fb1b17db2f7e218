//! Each form is read by the program that it is for, which reads the bucket with it.
//!
//! Forms of Python, rclone and DuckDB in a notebook are in the main story.

use datalab_lab::tenant::Stage;

use crate::scene::{Scene, program, script};

/// What a script prints at the end: what is in the bucket.
const ROWS: &str = "n\n1\n2\n39\n";

/// Name, shell, and what is typed there; the bucket is `$1`, in fish `$argv[-1]`.
const FORMS: [(&str, &str, &str); 14] = [
    (
        "env, by sh",
        "sh",
        r#"eval "$(kubectl datalab s3-creds get)"; aws s3 cp --quiet "s3://$1/rows.csv" -"#,
    ),
    (
        "env, by zsh",
        "zsh",
        r#"eval "$(kubectl datalab s3-creds get -o env)"; aws s3 cp --quiet "s3://$1/rows.csv" -"#,
    ),
    (
        "env, by fish",
        "fish",
        r#"eval (kubectl datalab s3-creds get | string collect); aws s3 cp --quiet "s3://$argv[-1]/rows.csv" -"#,
    ),
    (
        "fish",
        "fish",
        r#"kubectl datalab s3-creds get -o fish | source; aws s3 cp --quiet "s3://$argv[-1]/rows.csv" -"#,
    ),
    (
        "dotenv",
        "sh",
        // As docker and systemd read it: a line is a variable, and nothing in it is special.
        r#"kubectl datalab s3-creds get -o dotenv | xargs -d '\n' sh -c \
            'bucket=$1; shift; exec env "$@" aws s3 cp --quiet "s3://$bucket/rows.csv" -' sh "$1""#,
    ),
    (
        "json",
        "sh",
        r#"kubectl datalab s3-creds get -o json >keys.json; python - "$1" <<'END'
import boto3, json, os, sys
keys = json.load(open("keys.json"))
s3 = boto3.client("s3", aws_access_key_id=keys["accessKeyId"],
    aws_secret_access_key=keys["secretAccessKey"], aws_session_token=keys["sessionToken"],
    endpoint_url=keys["endpoint"], region_name=keys["region"], verify=os.environ["DATALAB_CA_FILE"])
print(s3.get_object(Bucket=sys.argv[1], Key="rows.csv")["Body"].read().decode(), end="")
END"#,
    ),
    (
        "credential-process",
        "sh",
        r#"export AWS_CONFIG_FILE=process.config
cat >process.config <<END
[default]
region = us-east-1
credential_process = $(command -v kubectl-datalab-s3_creds) credential-process
END
aws --endpoint-url "$ENDPOINT" --ca-bundle "$DATALAB_CA_FILE" s3 cp --quiet "s3://$1/rows.csv" -"#,
    ),
    (
        "aws-profile",
        "sh",
        r#"export AWS_CONFIG_FILE=profile.config
kubectl datalab s3-creds get -o aws-profile --name lab >profile.config
aws --profile lab s3 cp --quiet "s3://$1/rows.csv" -"#,
    ),
    (
        "web-identity",
        "sh",
        r#"export AWS_CONFIG_FILE=web.config
# Without a line end, which SDKs would send along.
(umask 077; printf %s "$(kubectl datalab oidc-login token --audience s3)" >token)
kubectl datalab s3-creds get -o web-identity --name lab --token "$PWD/token" >web.config
aws --profile lab s3 cp --quiet "s3://$1/rows.csv" -"#,
    ),
    (
        "mc",
        "sh",
        r#"mkdir -p mc/certs/CAs; cp "$DATALAB_CA_FILE" mc/certs/CAs/lab.crt
eval "$(kubectl datalab s3-creds get -o mc --name lab)"; "$MC" --config-dir mc cat "lab/$1/rows.csv""#,
    ),
    (
        "s3cmd",
        "sh",
        r#"(umask 077; kubectl datalab s3-creds get -o s3cmd >s3cmd.cfg)
s3cmd -c s3cmd.cfg --no-progress get "s3://$1/rows.csv" -"#,
    ),
    (
        "s3fs-fuse",
        "sh",
        r#"mkdir -p bucket; trap 'fusermount -u bucket' EXIT
kubectl datalab s3-creds get -o s3fs-fuse --bucket "$1" | sh -s bucket
cat bucket/rows.csv"#,
    ),
    (
        "duckdb",
        "sh",
        r#"{ echo ".mode csv"; echo ".output /dev/null"; kubectl datalab s3-creds get -o duckdb
echo ".output"; echo "FROM 's3://$1/rows.csv';"; } | duckdb | tr -d '\r'"#,
    ),
    (
        "r",
        "sh",
        // No package of Debian's asks S3 from R itself: what R sets is seen by what it starts.
        r#"(umask 077; kubectl datalab s3-creds get -o r >keys.R)
Rscript -e 'source("keys.R"); stopifnot(nchar(paws_options$credentials$creds$session_token) > 0)
    # R shows its own libraries to what it starts, which are not for every Python.
    system2("env", c("-u", "LD_LIBRARY_PATH", "aws", "s3", "cp", "--quiet", commandArgs(TRUE), "-"))' "s3://$1/rows.csv""#,
    ),
];

#[test]
fn each_form_is_read_by_the_program_that_it_is_for() {
    let Some(stage) = Stage::required_lab("each form is read by its program") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    scene.bucket(&alice);
    let platform = scene.platform(None);
    let laptop = scene.laptop(&alice, &platform);
    laptop.kubectl(&["auth", "whoami"]).ok();
    let lab = stage.lab().expect("because the story asks for a lab");
    let mc = lab.mc().expect("because what carries a lab can carry mc");
    for (form, shell, script) in FORMS {
        let script = format!("cd; {script}");
        let said = program(&laptop, [shell, "-c", &script, shell, &alice])
            .env("ENDPOINT", scene.ceph.url())
            .env("MC", &mc)
            .run();
        assert_eq!(said.stdout(), ROWS, "{form}: {said}");
    }
    assert_eq!(laptop.typed(), 1);
}

/// A Secret in the cluster, and a chart's values.
#[test]
fn keys_reach_pods_by_a_secret_or_by_a_charts_values() {
    let Some(stage) = Stage::required_lab("keys reach pods by a Secret or by values") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    scene.bucket(&alice);
    let platform = scene.platform(None);
    let laptop = scene.laptop(&alice, &platform);
    let tenant = scene.play.tenant("team");
    let secret = r#"
admin="kubectl --kubeconfig $2 --namespace $3"
kubectl datalab s3-creds get -o k8s-secret --name lab-s3 | $admin apply -f - >&2
$admin get secret lab-s3 -o go-template='{{range $k, $v := .data}}{{$k}}={{base64decode $v}}{{"\n"}}{{end}}' |
xargs -d '\n' sh -c 'from=$1; shift
    exec env AWS_CA_BUNDLE="$DATALAB_CA_FILE" "$@" aws s3 cp --quiet "s3://$from/rows.csv" -' sh "$1""#;
    let kubeconfig = tenant.kubeconfig().to_string_lossy().into_owned();
    let said = script(&laptop, secret, &[&alice, &kubeconfig, tenant.namespace()]);
    assert_eq!(said.stdout(), ROWS, "{said}");

    let chart = laptop.home().join("chart");
    let template = "{{ with .Values.s3 }}\n\
                    #= AWS_ACCESS_KEY_ID={{ .accessKeyId }}\n\
                    #= AWS_SECRET_ACCESS_KEY={{ .secretAccessKey }}\n\
                    #= AWS_SESSION_TOKEN={{ .sessionToken }}\n\
                    #= AWS_DEFAULT_REGION={{ .defaultRegion }}\n\
                    #= AWS_ENDPOINT_URL=https://{{ .endpoint }}\n\
                    {{ end }}\nkind: Nothing\n";
    let written = std::fs::create_dir_all(chart.join("templates"))
        .and_then(|()| std::fs::write(chart.join("templates/keys.yaml"), template))
        .and_then(|()| {
            std::fs::write(
                chart.join("Chart.yaml"),
                "apiVersion: v2\nname: keys\nversion: 1.0.0\n",
            )
        });
    written.expect("because the home is ours");
    let lab = stage.lab().expect("because the story asks for a lab");
    let helm = lab
        .helm()
        .expect("because what carries a lab can carry helm");
    let values = r#"
kubectl datalab s3-creds get -o helm-values | "$2" template keys chart --values - | sed -n 's/^#= //p' |
xargs -d '\n' sh -c 'from=$1; shift
    exec env AWS_CA_BUNDLE="$DATALAB_CA_FILE" "$@" aws s3 cp --quiet "s3://$from/rows.csv" -' sh "$1""#;
    let said = script(&laptop, values, &[&alice, &helm.to_string_lossy()]);
    assert_eq!(said.stdout(), ROWS, "{said}");
}
