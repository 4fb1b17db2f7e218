//! Forms read by the programs they are for, as far as that needs no store.

use std::fs;

use serde_json::{Value, json};

use super::{fixed, keys, naming, render, run, temporary, with_keys};
use crate::forms::{Form, Naming};
use crate::issued::Issued;

/// Keys with what has a meaning in one format or another.
fn hostile() -> Issued {
    with_keys(
        temporary(),
        "id'\"\\ #{x}",
        r#"yes: [a] & *b | 'q' "p" \n %s"#,
        "@token: Zoë ",
    )
}

/// Writes a form into a file, and returns what a program prints about it.
fn read_by(
    test: &str,
    program: &str,
    arguments: &[&str],
    (form, issued): (Form, &Issued),
) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("form");
    fs::write(&file, render(form, issued, &naming())).unwrap();
    let path = file.to_str().unwrap();
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| argument.replace("FILE", path))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let out = run(test, program, &arguments, &[])?;
    Some(String::from_utf8(out).unwrap())
}

#[test]
fn python_reads_its_dictionaries() {
    let script = "import json; exec(open('FILE').read()); print(json.dumps(\
                  [boto3_options, storage_options, polars_options, pyarrow_options]))";
    for issued in [temporary(), fixed(), hostile()] {
        let test = "Python reads its dictionaries";
        let Some(out) = read_by(test, "python3", &["-c", script], (Form::Python, &issued)) else {
            return;
        };
        let out: Value = serde_json::from_str(&out).unwrap();
        let keys = keys(&issued);
        for (index, names) in [
            [
                "aws_access_key_id",
                "aws_secret_access_key",
                "aws_session_token",
            ],
            ["key", "secret", "token"],
            [
                "aws_access_key_id",
                "aws_secret_access_key",
                "aws_session_token",
            ],
            ["access_key", "secret_key", "session_token"],
        ]
        .into_iter()
        .enumerate()
        {
            for (name, key) in names.iter().zip(&keys) {
                assert_eq!(out[index][name], *key);
            }
            assert_eq!(out[index].get(names[2]).is_some(), keys.len() == 3);
        }
        let (_, host) = issued.store.url.split_once("://").unwrap();
        assert_eq!(out[3]["endpoint_override"], host);
        assert_eq!(out[1]["client_kwargs"]["region_name"], issued.store.region);
    }
}

#[test]
fn r_reads_its_script() {
    let script = "source('FILE', encoding = 'UTF-8'); writeLines(enc2utf8(c(\
                  unname(Sys.getenv(c('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'))), \
                  Sys.getenv('AWS_PROFILE', 'unset'), unlist(paws_options), unlist(arrow_options))), \
                  useBytes = TRUE)";
    for issued in [temporary(), fixed(), hostile()] {
        let arguments = ["--vanilla", "--encoding=UTF-8", "-e", script];
        let test = "R reads its script";
        let Some(out) = read_by(test, "Rscript", &arguments, (Form::R, &issued)) else {
            return;
        };
        let keys = keys(&issued);
        let store = &issued.store;
        let path_style = if store.path_style { "TRUE" } else { "FALSE" };
        let scheme = if store.is_tls() { "https" } else { "http" };
        let mut expected = vec![keys[0], keys[1], "unset"];
        expected.extend(&keys);
        expected.extend([&*store.url, &*store.region, path_style]);
        expected.extend(&keys);
        expected.extend([store.authority(), scheme, &*store.region]);
        assert_eq!(out.lines().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn s3cmd_reads_its_file() {
    let quotes = with_keys(temporary(), "\"id\"", "a\"b'\\#;%(bucket)s", "\"");
    for issued in [temporary(), fixed(), quotes] {
        let arguments = ["-c", "FILE", "--dump-config"];
        let test = "s3cmd reads its file";
        let Some(out) = read_by(test, "s3cmd", &arguments, (Form::S3cmd, &issued)) else {
            return;
        };
        let keys = keys(&issued);
        let host = issued.store.authority();
        let bucket_host = match issued.store.path_style {
            true => host.to_owned(),
            false => format!("%(bucket)s.{host}"),
        };
        let is_tls = if issued.store.is_tls() {
            "True"
        } else {
            "False"
        };
        for (key, value) in [
            ("access_key", keys[0]),
            ("secret_key", keys[1]),
            ("access_token", keys.get(2).copied().unwrap_or_default()),
            ("host_base", host),
            ("host_bucket", &bucket_host),
            ("bucket_location", &issued.store.region),
            ("use_https", is_tls),
            ("ca_certs_file", "/etc/lab ca.pem"),
        ] {
            let line = format!("{key} = {value}");
            assert!(out.lines().any(|found| found == line), "{line}\n{out}");
        }
    }
}

#[test]
fn kubectl_reads_the_secret() {
    for issued in [temporary(), fixed(), hostile()] {
        let arguments = ["label", "--local", "-f", "FILE", "read=yes", "-o", "json"];
        let test = "kubectl reads the Secret";
        let Some(out) = read_by(test, "kubectl", &arguments, (Form::K8sSecret, &issued)) else {
            return;
        };
        let out: Value = serde_json::from_str(&out).unwrap();
        let keys = keys(&issued);
        let data = &out["stringData"];
        assert_eq!(data["AWS_ACCESS_KEY_ID"], keys[0]);
        assert_eq!(data["AWS_SECRET_ACCESS_KEY"], keys[1]);
        assert_eq!(
            data.get("AWS_SESSION_TOKEN").and_then(Value::as_str),
            keys.get(2).copied()
        );
        assert_eq!(data["S3_ENDPOINT"], issued.store.url);
        assert_eq!(out["metadata"]["labels"]["datalab/purpose"], "s3-creds");
        let expires = issued.credentials.expiration_text();
        let annotations = &out["metadata"]["annotations"];
        assert_eq!(annotations["datalab/expires"].as_str(), expires.as_deref());
    }
}

/// helm reads values by the same library as kubectl its patches: sigs.k8s.io/yaml.
#[test]
fn kubectl_reads_the_values_as_helm_would() {
    let folder = tempfile::tempdir().unwrap();
    let object = folder.path().join("object.json");
    let empty = json!({"apiVersion": "datalab/v1", "kind": "Values", "metadata": {"name": "a"}});
    fs::write(&object, empty.to_string()).unwrap();
    let object = object.to_str().unwrap();
    for issued in [temporary(), fixed(), hostile()] {
        let arguments = ["patch", "--local", "--type=merge", "-o=json"];
        let arguments = [&arguments[..], &["-f", object, "--patch-file=FILE"]].concat();
        let test = "kubectl reads the values as helm would";
        let Some(out) = read_by(test, "kubectl", &arguments, (Form::HelmValues, &issued)) else {
            return;
        };
        let out: Value = serde_json::from_str(&out).unwrap();
        let keys = keys(&issued);
        let s3 = &out["s3"];
        assert_eq!(s3["accessKeyId"], keys[0]);
        assert_eq!(s3["secretAccessKey"], keys[1]);
        assert_eq!(s3["sessionToken"], keys.get(2).copied().unwrap_or_default());
        assert_eq!(s3["endpoint"], issued.store.authority());
        assert_eq!(s3["pathStyleAccess"], issued.store.path_style);
    }
}

/// The line of credential_process, as botocore (shlex) and the other SDKs (`sh -c`) take it apart.
#[test]
fn the_line_of_the_program_comes_apart_as_it_was() {
    const TEST: &str = "the line of the program comes apart as it was";
    let mut naming = naming();
    for word in [
        "",
        "a #b ;c",
        "it's \"x\" \\",
        "$(id) `id`",
        "--a=b c",
        "\t;",
    ] {
        naming.program.push(word.replace('\t', " "));
    }
    let text = render(Form::AwsProfile, &temporary(), &naming);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("credential_process = "))
        .unwrap();
    assert!(!line.contains(" #") && !line.contains(" ;"), "{line}");
    let shlex =
        "import shlex, sys; sys.stdout.write(''.join(w + '\\0' for w in shlex.split(sys.argv[1])))";
    for (program, arguments) in [
        ("python3", ["-c", shlex, line]),
        ("sh", ["-c", &format!("printf '%s\\0' {line}"), ""]),
    ] {
        if let Some(out) = run(TEST, program, &arguments, &[]) {
            let out = String::from_utf8(out).unwrap();
            assert_eq!(
                out.split_terminator('\0').collect::<Vec<_>>(),
                naming.program
            );
        }
    }
}

#[test]
fn what_is_json_is_one_document() {
    let naming = Naming::default();
    for issued in [temporary(), fixed(), hostile()] {
        let keys = keys(&issued);
        let read = |form| serde_json::from_str::<Value>(&render(form, &issued, &naming)).unwrap();
        let process = read(Form::CredentialProcess);
        assert_eq!(process["Version"], 1);
        assert_eq!(process["SecretAccessKey"], keys[1]);
        assert_eq!(process.get("Expiration").is_some(), keys.len() == 3);
        assert!(
            render(Form::CredentialProcess, &issued, &naming)
                .lines()
                .count()
                == 1
        );
        let own = read(Form::Json);
        assert_eq!(own["accessKeyId"], keys[0]);
        assert_eq!(own["endpoint"], issued.store.url);
    }
}
