use datalab_core::report::Kind;

use crate::{
    cause::of_store,
    issued::{Credentials, Issued, Server, Store},
    store::Unanswered,
};

#[test]
fn a_store_that_redirects_is_elsewhere_and_the_session_token_is_not_shown() {
    let issued = Issued {
        credentials: Credentials {
            access_key_id: "AK".to_owned(),
            secret_access_key: "SK".to_owned().into(),
            session_token: None,
            expiration: None,
        },
        store: Store {
            url: "https://s3.example".to_owned(),
            region: "us-east-1".to_owned(),
            path_style: true,
        },
        server: Server::Other,
        origin: None,
        bucket: None,
        prefix: None,
    };
    let told = |error: datalab_core::http::Error| of_store(&Unanswered::Http(error), &issued);
    let failure = told(datalab_core::http::Error::Redirected {
        host: "s3.example:443".to_owned(),
        to: "https://s3.eu.example/b/?X-Amz-Security-Token=SECRET".to_owned(),
    });
    assert_eq!(failure.kind(), Kind::Refused);
    assert!(!failure.to_string().contains("SECRET"), "{failure}");
    assert!(
        failure
            .problem()
            .contains("https://s3.eu.example/b/; the bucket"),
        "{failure}"
    );
    assert_eq!(
        failure.commands(),
        [
            "the same command with --region NAME",
            "the same command with --addressing virtual"
        ]
    );
    let failure = told(datalab_core::http::Error::Certificate {
        host: "s3.example:443".to_owned(),
        reason: "nobody has signed it".to_owned(),
    });
    assert_eq!(failure.kind(), Kind::Refused);
}
