use super::*;

/// As chart 11 answers: one object or several, roles with profiles, what is not set is null.
const ELEVEN: &str = r#"{
  "regions": [{
    "id": "paris", "name": {"en": "Paris", "fr": "Paris"}, "description": "", "location": null,
    "services": {
      "type": "KUBERNETES", "singleNamespace": false, "namespacePrefix": "user-",
      "k8sPublicEndpoint": {
        "URL": "https://api.datalab.example:6443",
        "oidcConfiguration": {"issuerURI": "https://auth.example/realms/datalab", "clientID": "kubernetes",
          "extraQueryParams": "kc_idp_hint=agency", "scope": "openid profile groups", "workaroundForGoogleClientSecret": null}
      },
      "expose": {"domain": "lab.example"}
    },
    "data": {"S3": [
      {"URL": "https://s3.example", "pathStyleAccess": false, "region": "eu-west-1",
       "sts": {"URL": "https://sts.example", "durationSeconds": 86400,
         "role": [{"profileName": "default", "roleARN": "", "roleSessionName": ""},
                  {"profileName": "$1", "roleARN": "arn:aws:iam::1:role/$1", "roleSessionName": "$1", "claimName": "groups",
                   "includedClaimPattern": "^(.+)$", "excludedClaimPattern": "^x$"}],
         "oidcConfiguration": {"clientID": "onyxia-minio"}},
       "bookmarks": [{"s3Uri": "s3://open/", "title": {"en": "open"}}]},
      {"URL": "https://by-hand.example"}, null
    ], "atlas": null},
    "vault": {"URL": "https://vault.example", "kvEngine": "onyxia-kv", "role": "onyxia-user", "authPath": null,
      "oidcConfiguration": {"issuerURI": "", "clientID": "vault"}}
  }],
  "build": {"version": "4.12.0", "timestamp": 1},
  "oidcConfiguration": {"issuerURI": "https://auth.example/realms/datalab", "clientID": "onyxia", "scope": "openid profile",
    "idleSessionLifetimeInSeconds": null}
}"#;

/// As versions 8 to 10: one object, a role without a profile, the working directory beside it.
const NINE: &str = r#"{
  "regions": [{"id": "lab",
    "services": {"k8sPublicEndpoint": {"URL": "https://api.example"}},
    "data": {"S3": {"URL": "https://minio.example",
      "sts": {"durationSeconds": "43200", "role": null},
      "workingDirectory": {"bucketMode": "multi", "bucketNamePrefix": "user-"}}}}],
  "oidcConfiguration": {"issuerURI": "https://auth.example/realms/lab", "clientID": "onyxia", "extraQueryParams": ""}
}"#;

/// As version 4, before the parameters of Keycloak became those of any issuer.
const FOUR: &str = r#"{
  "regions": [{"id": "kub", "name": "Kub",
    "services": {"k8sPublicEndpoint": {"URL": "https://api.example",
      "keycloakParams": {"realm": "lab", "clientId": "kubernetes", "URL": "https://auth.example/auth/"}}},
    "data": {"S3": {"type": "minio", "URL": "https://minio.example", "defaultDurationSeconds": 86400, "bucketPrefix": "oidc-",
      "keycloakParams": {"realm": "lab", "clientId": "onyxia-minio", "URL": "https://auth.example/auth"}}},
    "vault": {"URL": "https://vault.example", "kvEngine": "kv", "role": "user", "authPath": "jwt-2"}}]
}"#;

fn login(client: &str, realm: &str) -> Login {
    Login {
        issuer: format!("https://auth.example/{realm}"),
        client_id: client.to_owned(),
        scopes: Vec::new(),
        extra_query_parameters: None,
    }
}

#[test]
fn todays_form() {
    let platform = parse(ELEVEN.as_bytes()).unwrap();
    let own = Login {
        scopes: vec!["openid".to_owned(), "profile".to_owned()],
        ..login("onyxia", "realms/datalab")
    };
    assert_eq!(platform.login, Some(own));
    let [region] = platform.regions.as_slice() else {
        panic!("{platform:?}");
    };
    assert_eq!((region.id.as_str(), &region.name), ("paris", &None));
    let kubernetes = region.kubernetes.as_ref().unwrap();
    assert_eq!(kubernetes.url, "https://api.datalab.example:6443");
    let mut expected = login("kubernetes", "realms/datalab");
    expected.scopes = ["openid", "profile", "groups"].map(str::to_owned).to_vec();
    expected.extra_query_parameters = Some("kc_idp_hint=agency".to_owned());
    assert_eq!(kubernetes.login, Some(expected));

    let [s3, by_hand] = region.s3.as_slice() else {
        panic!("{region:?}");
    };
    assert!(!s3.path_style);
    assert_eq!(s3.region.as_deref(), Some("eu-west-1"));
    let sts = s3.sts.as_ref().unwrap();
    assert_eq!(
        (sts.url.as_str(), sts.duration_seconds),
        ("https://sts.example", Some(86400))
    );
    assert_eq!(sts.login, Some(login("onyxia-minio", "realms/datalab")));
    assert_eq!(sts.roles.len(), 2);
    assert_eq!(sts.roles[0].profile_name.as_deref(), Some("default"));
    assert_eq!((&sts.roles[0].arn, &sts.roles[0].claim), (&None, &None));
    let claim = sts.roles[1].claim.as_ref().unwrap();
    assert_eq!(
        (claim.name.as_str(), claim.excluded.as_deref()),
        ("groups", Some("^x$"))
    );
    assert_eq!((by_hand.path_style, &by_hand.sts), (true, &None));

    let vault = region.vault.as_ref().unwrap();
    assert_eq!(vault.auth_path, "jwt");
    assert_eq!(vault.login, Some(login("vault", "realms/datalab")));
}

#[test]
fn the_form_before_profiles() {
    let platform = parse(NINE.as_bytes()).unwrap();
    let region = platform.region(None).unwrap();
    let kubernetes = region.kubernetes.as_ref().unwrap();
    assert_eq!(kubernetes.login, Some(login("onyxia", "realms/lab")));
    let sts = region.s3[0].sts.as_ref().unwrap();
    assert_eq!(
        (sts.url.as_str(), sts.duration_seconds, sts.roles.len()),
        ("https://minio.example", Some(43200), 0)
    );
    assert_eq!(region.vault, None);
}

#[test]
fn the_form_of_keycloak() {
    let platform = parse(FOUR.as_bytes()).unwrap();
    assert_eq!(platform.login, None);
    let region = platform.region(Some("kub")).unwrap();
    let kubernetes = region.kubernetes.as_ref().unwrap();
    assert_eq!(
        kubernetes.login,
        Some(login("kubernetes", "auth/realms/lab"))
    );
    let sts = region.s3[0].sts.as_ref().unwrap();
    assert_eq!(sts.duration_seconds, Some(86400));
    assert_eq!(sts.login, Some(login("onyxia-minio", "auth/realms/lab")));
    let vault = region.vault.as_ref().unwrap();
    assert_eq!((vault.auth_path.as_str(), &vault.login), ("jwt-2", &None));
}

#[test]
fn a_region_is_picked_or_named() {
    let two = r#"{"regions": [{"id": "a"}, {"id": "b", "services": null, "data": {"S3": null}}]}"#;
    let two = parse(two.as_bytes()).unwrap();
    assert_eq!(two.region(Some("b")).unwrap().id, "b");
    assert_eq!(
        two.region(None).unwrap_err().to_string(),
        "the platform has several regions: a, b"
    );
    assert_eq!(
        two.region(Some("c")).unwrap_err().to_string(),
        r#"the platform has no region "c"; there are a, b"#
    );
    let none = parse(br#"{"regions": []}"#).unwrap();
    let refused = none.region(Some("a")).unwrap_err();
    assert_eq!(refused.to_string(), "the platform has no region");
}

#[test]
fn something_else_is_no_platform() {
    for text in ["<!doctype html>", "[]", "{}", r#"{"regions": 3}"#, ""] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
}
