//! The entries of the kubeconfig and the known issuer.

use std::path::Path;

use datalab_core::{
    kubeconfig::{
        Change, CurrentContext, Edit, Effect, EntryKind, ExecEntry, Plan, loses_its_path,
    },
    oidc::{KnownIssuers, Way},
    report::{Failure, Kind},
    world::World,
};

use super::{
    SetUp, SetupRequest,
    checks::Target,
    outcome::{Entry, Written},
};

pub(super) async fn write(
    world: &World,
    request: &SetupRequest,
    target: Target,
    program: &Path,
) -> Result<SetUp, Failure> {
    const UNTOUCHED: &str = "nothing was written";
    let names = Names::of(request, &target);
    let edit = edit(request, &target, &names, program)?;
    let plan = edit.plan(world)?;
    let folder = world.environment().configuration().ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            "there is no place to keep which issuers are known: neither HOME nor XDG_CONFIG_HOME is set",
        )
        .state(UNTOUCHED)
    })?;
    let known =
        KnownIssuers::load(&folder).map_err(|error| Failure::from(error).state(UNTOUCHED))?;
    let mut warnings = target.warnings.clone();
    warnings.extend(trap(&plan, program));
    if !request.is_dry {
        agree(world, request, &plan)?;
    }
    let done = match request.is_dry || plan.is_empty() {
        true => plan,
        false => edit.write(world, &plan)?,
    };
    if !request.is_dry {
        // Last: an issuer that is trusted, and that no kubeconfig names, would go unnoticed. The other
        // way round, the user is asked.
        let learn = |known: &mut KnownIssuers| learn(known, &target);
        let learnt = KnownIssuers::update(&folder, world, learn).await;
        learnt.map_err(|error| untold(error.into(), &done))?;
    }
    let mut wanted = known.clone();
    learn(&mut wanted, &target);
    let written = Written {
        entries: entries(&done, &target, &names),
        plan: &done,
        context: names.context,
        known_issuers: KnownIssuers::file(&folder),
        newly_known: known != wanted,
        warnings,
        is_dry: request.is_dry,
        kubeconfig: request.kubeconfig.clone(),
    };
    Ok(SetUp::new(target, written))
}

/// What the entries are called.
struct Names {
    cluster: String,
    user: String,
    context: String,
}

impl Names {
    fn of(request: &SetupRequest, target: &Target) -> Self {
        let cluster = request.name.clone().unwrap_or_else(|| target.host.clone());
        let mine = match &request.account {
            Some(account) => format!("{account}@{cluster}"),
            None => cluster.clone(),
        };
        Self {
            cluster,
            user: mine.clone(),
            context: mine,
        }
    }
}

fn edit(
    request: &SetupRequest,
    target: &Target,
    names: &Names,
    program: &Path,
) -> Result<Edit, Failure> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                format!(
                    "{} cannot stand in a kubeconfig: it is not UTF-8",
                    path.display()
                ),
            )
            .state("nothing was written")
        })
    };
    let mut arguments = vec![
        "get-token".to_owned(),
        "--issuer".to_owned(),
        target.issuer.clone(),
        "--client-id".to_owned(),
        target.client_id.clone(),
    ];
    let mut add = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
    if let Some(account) = &request.account {
        add("--account", account.clone());
    }
    for scope in &target.scopes {
        add("--scope", scope.clone());
    }
    if let Some(file) = &target.issuer_ca {
        add("--issuer-ca", text(file)?);
    }
    let exec = ExecEntry {
        command: text(program)?,
        arguments,
        install_hint: format!(
            "{} is not there: install kubectl datalab oidc-login, then run its setup again",
            program.display()
        ),
    };
    let context = names.context.clone();
    Ok(Edit {
        kubeconfig: request.kubeconfig.clone(),
        changes: vec![
            Change::cluster(&names.cluster, &target.server, target.server_ca.as_deref()),
            Change::user(&names.user, &exec),
            Change::context(
                &names.context,
                &names.cluster,
                &names.user,
                request.namespace.as_ref(),
            ),
        ],
        current_context: Some(match request.use_context {
            true => CurrentContext::Switch(context),
            false => CurrentContext::IfNone(context),
        }),
    })
}

fn learn(known: &mut KnownIssuers, target: &Target) {
    let entry = known.entry(&target.issuer, &target.client_id);
    let way = Way {
        authorities: target.server_ca.as_deref(),
        ..Way::default()
    };
    entry.add_server(&way.to(&target.server));
    for audience in &target.audiences {
        entry.set_audience(audience.clone());
    }
    if let Some(file) = &target.issuer_ca {
        entry.certificate_authority = Some(file.clone());
    }
    entry.registration.learn(&target.registration);
    if let Some(url) = &target.platform {
        entry.platform = Some(url.clone());
    }
}

/// The kubeconfig is written, and the issuer is not among those that are trusted.
fn untold(failure: Failure, done: &Plan) -> Failure {
    match done.is_empty() {
        true => failure.state("nothing was written"),
        false => failure
            .with_kind(Kind::Partial)
            .state("the entries of the kubeconfig are written; the issuer is not trusted yet")
            .next("the same command again"),
    }
}

/// Asks before an entry that is somebody's is replaced.
fn agree(world: &World, request: &SetupRequest, plan: &Plan) -> Result<(), Failure> {
    if plan.replaced().next().is_none() || request.confirm.yes {
        return Ok(());
    }
    let mut failure = Failure::new(
        Kind::Conflict,
        "the kubeconfig has entries of these names, with other content",
    );
    for step in plan.replaced() {
        let place = format!("{} {} in {}", step.kind, step.name, step.file.display());
        if let Effect::Replaced { differences, .. } = &step.effect {
            for difference in differences {
                failure = failure.detail(format!("{place}: {difference}"));
            }
        }
    }
    if !world.streams().person_is_there() {
        return Err(failure
            .state("nothing was written")
            .next("the same command with --name NAME, for entries of their own")
            .next("the same command with --yes, to replace these"));
    }
    let text = failure.to_string();
    world
        .streams()
        .talk(text.strip_prefix("error: ").unwrap_or(&text));
    request.confirm.ask(world, "Replace them?")
}

/// kubectl rewrites the path of a program in the kubeconfig's own folder when it edits the entry.
fn trap(plan: &Plan, program: &Path) -> Option<String> {
    let user = plan
        .steps
        .iter()
        .find(|step| step.kind == EntryKind::User)?;
    loses_its_path(program, &user.file).then(|| {
        format!(
            "{} lies in the kubeconfig's own folder: `kubectl config set-credentials {}` would cut its path, and kubectl would no longer find it; install it elsewhere",
            program.display(),
            user.name
        )
    })
}

fn entries(plan: &Plan, target: &Target, names: &Names) -> Vec<Entry> {
    plan.steps
        .iter()
        .map(|step| Entry {
            kind: step.kind,
            name: step.name.clone(),
            file: step.file.clone(),
            effect: match step.effect {
                Effect::Added => "added",
                Effect::Replaced { .. } => "replaced",
                _ => "unchanged",
            },
            about: match step.kind {
                EntryKind::Cluster => target.server.clone(),
                EntryKind::User => {
                    format!("logs in at {}, client {}", target.issuer, target.client_id)
                }
                EntryKind::Context => format!("cluster {}, user {}", names.cluster, names.user),
            },
        })
        .collect()
}
