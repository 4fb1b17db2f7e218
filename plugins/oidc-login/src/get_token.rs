//! What kubectl runs: one token on standard output, or none.

use std::time::Duration;

use datalab_core::{
    login::{Flow, Terminal},
    oidc::{Force, Obtained, Record, Session, Wanted},
    ready::{self, Header, Question},
    report::Failure,
    store::Folder,
    world::World,
};
use jiff::Timestamp;

use crate::{
    choice::Choice,
    desk::Desk,
    exec_credential::Asked,
    explain::{explain, refuse_screen},
    trust::{self, Destination},
    warm,
};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) asked: Asked,
    pub(crate) flow: Flow,
    pub(crate) login_limit: Duration,
    /// Whether the token may be shown on a screen.
    pub(crate) show_secret: bool,
}

/// Gets a token and returns kubectl's answer.
pub(crate) async fn get_token(
    choice: &Choice,
    request: &Request,
    desk: &Desk<'_>,
) -> Result<String, Failure> {
    let Request {
        asked,
        flow,
        login_limit,
        show_secret,
    } = request;
    if !asked.by_kubectl {
        refuse_screen(*show_secret, desk)?;
    }
    let destination = match asked.by_kubectl {
        true => Destination::Server(asked.server.as_deref()),
        false => Destination::Caller,
    };
    trust::ensure(choice, destination, asked.may_ask, desk).await?;
    let session = choice.session(desk);
    let question = warm::question().filter(|_| choice.settled);
    let login = choice.login_for_program(*login_limit, desk);
    let wanted = Wanted {
        scopes: &choice.scopes,
        force: question
            .as_ref()
            .and_then(|question| refusal(question, desk.world))
            .unwrap_or(Force::No),
        login: &login,
    };
    let mut person = Terminal::new(desk.world, &choice.identity.issuer, *flow);
    let obtained = session.obtain(&wanted, &mut person).await;
    let Obtained { record, id_token } = obtained.map_err(|error| explain(error, choice, desk))?;
    let answer = asked.answer(id_token.expose(), record.stated_expiry());
    if let Some(question) = question {
        keep(&question, &record, &answer, &session, desk.world);
    }
    Ok(answer)
}

/// The token that this kubectl was given, if it asks once more: a server has refused it.
fn refusal(question: &Question, world: &World) -> Option<Force> {
    if !question.notes_askers() {
        return None;
    }
    let file = question.file()?;
    let folder = Folder::open(file.parent()?).ok()??;
    let content = folder.read(file.file_name()?.to_str()?).ok()??;
    let header = Header::read(&content, question)?;
    let parent = world.parent()?;
    let given = header.was_given_to(parent.pid)?;
    // A process that began later only has the number of the one that was given it.
    let began = world.began(parent)?;
    let given = Timestamp::from_millisecond(i64::try_from(given.as_millis()).ok()?).ok()?;
    (began <= given).then(|| Force::Refused {
        token_id: header.token_id.to_owned(),
    })
}

/// Makes the answer ready for the next call. A call without it is slower, and that is all.
fn keep(question: &Question, record: &Record, answer: &str, session: &Session<'_>, world: &World) {
    let Some(file) = question.file() else { return };
    let Ok(fresh_until) = u64::try_from(record.fresh_until().as_second()) else {
        return;
    };
    let now = Duration::try_from(world.now().as_duration()).unwrap_or_default();
    if fresh_until <= now.as_secs() {
        return;
    }
    let given = world.parent().map(|parent| (parent.pid, now));
    let content = ready::compose(
        question,
        fresh_until,
        &record.token_id,
        given,
        answer.as_bytes(),
    );
    let _ = session.keep_reply(&record.token_id, &file, &content);
}
