//! The platform's configuration.

use datalab_lab::object_storage::{Dialect, PlatformForm};
use serde_json::{Value, json};

use crate::client::Bench;

fn told(bench: &Bench) -> Value {
    let answer = bench.curl::<&str>("/api/public/configuration", &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn a_platform_tells_where_its_store_is() {
    let bench = Bench::new(Dialect::Minio);
    let url = bench.storage.url();
    let usual = told(&bench);
    assert_eq!(
        usual["oidcConfiguration"]["issuerURI"],
        bench.provider.issuer()
    );
    let s3 = &usual["regions"][0]["data"]["S3"][0];
    assert_eq!((&s3["URL"], &s3["sts"]["URL"]), (&json!(url), &json!(url)));
    assert_eq!(
        s3["sts"]["role"],
        json!([{"profileName": "", "roleARN": "", "roleSessionName": ""}])
    );

    let arn = Dialect::Ceph.role("datalab");
    bench.storage.set(|settings| {
        settings.platform = PlatformForm::Now {
            client_id: Some("onyxia-minio".to_owned()),
            roles: vec![("mine".to_owned(), arn.clone())],
        };
    });
    let sts = told(&bench)["regions"][0]["data"]["S3"][0]["sts"].clone();
    assert_eq!(
        sts["oidcConfiguration"],
        json!({"clientID": "onyxia-minio"})
    );
    assert_eq!(sts["role"][0]["roleARN"], arn);

    bench.storage.set(|settings| {
        settings.platform = PlatformForm::Older {
            role_arn: Some(arn.clone()),
        };
    });
    let older = told(&bench)["regions"][0]["data"]["S3"].clone();
    assert_eq!(
        (&older["roleARN"], &older["type"]),
        (&json!(arn), &json!("minio"))
    );
    assert_eq!(older["sts"], Value::Null);

    bench
        .storage
        .set(|settings| settings.platform = PlatformForm::Given(json!({"regions": []})));
    assert_eq!(told(&bench), json!({"regions": []}));
    assert_eq!(bench.storage.complaints(), Vec::<String>::new());
}
