//! Whether a token may be sent where it would go: a platform may be a stranger's, and name a token
//! service of its own beside the user's true issuer.

use datalab_core::{
    oidc::{Familiarity, KnownIssuers},
    report::{Failure, Kind, printable},
};

use crate::{
    desk::Desk,
    source::{Place, Source, TokenSource},
};

/// Asks the user about an issuer, or a token service, that they have not yet said yes to. Whoever
/// brings a token of their own has chosen where it goes.
pub(crate) async fn ensure(place: &Place, source: &Source, desk: &Desk<'_>) -> Result<(), Failure> {
    let (Some(login), Some(sts_url)) = (&place.login, &place.sts_url) else {
        return Ok(());
    };
    if source.token != TokenSource::Session {
        return Ok(());
    }
    let (familiarity, by_platform) = {
        let known = desk.known();
        let familiarity = known.familiarity(&login.issuer, &login.client_id, Some(sts_url));
        // Who has set a login up by a platform has taken its word for where its services are.
        let by_platform = known.issuers.iter().any(|known| {
            known.issuer == login.issuer
                && known.platform.is_some()
                && known.platform == place.platform
        });
        (familiarity, by_platform)
    };
    if familiarity == Familiarity::Known || by_platform {
        return Ok(());
    }
    let problem = match familiarity {
        Familiarity::NewIssuer => format!(
            "{} (client {}) is not among the issuers that you trust",
            login.issuer, login.client_id
        ),
        _ => format!(
            "a token of {} has not gone to {sts_url} before",
            login.issuer
        ),
    };
    if !source.trusts {
        let in_line = printable(&problem).replace('\n', " ");
        let question = format!(
            "{in_line}\nWhoever runs {} may use your token. Log in, and send it there? [y/N] ",
            printable(sts_url)
        );
        match desk.world.streams().ask(&question).as_deref() {
            Some("y" | "Y" | "yes") => {}
            Some(_) => {
                return Err(
                    Failure::new(Kind::Refused, problem).state("you said no; no token was sent")
                );
            }
            None => {
                return Err(Failure::new(Kind::Refused, problem)
                    .detail(format!(
                        "it would go to {sts_url}, and nobody is at a terminal to ask"
                    ))
                    .state("no login was begun, and no token was sent")
                    .next("the same command with --trust, once"));
            }
        }
    }
    let learnt = KnownIssuers::update(&KnownIssuers::folder(desk.world)?, desk.world, |known| {
        let entry = known.entry(&login.issuer, &login.client_id);
        entry.add_server(sts_url);
        // One that was given for all of a platform is its issuer's too.
        let of_all = source.ca_file.as_ref().filter(|_| place.platform.is_some());
        if let Some(file) = source.issuer_ca.as_ref().or(of_all) {
            entry
                .certificate_authority
                .get_or_insert_with(|| crate::source::absolute(file));
        }
        let platform = place.platform.as_ref();
        // What travels in the clear can be changed on the way.
        if let Some(url) = platform.filter(|url| url.starts_with("https://")) {
            entry.platform = Some(url.clone());
        }
    })
    .await?;
    desk.learn(learnt);
    Ok(())
}
