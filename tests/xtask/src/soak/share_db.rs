//! share-db killed at random moments, hundreds of times, and each share found
//! whole. What the stories in `tests/journeys/tests/faults` do at each point once, this does wherever
//! chance has it: between the points too, and with whatever the last kill left.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use datalab_journeys::shares::{Shares, State};
use datalab_lab::tenant::{Play, Program, Release, Stage, Tenant};
use datalab_lab::{Lab, LabName, down};

use super::{Failure, Numbers, say};
use crate::lab::Console;

/// What a killed command had asked for is carried out, or dropped, within this.
const SETTLED: Duration = Duration::from_secs(20);

/// How long to wait between two looks that should be alike.
const PAUSE: Duration = Duration::from_millis(100);

/// Soaks on this lab, else on one for this alone. A share that is not whole ends it with what is wrong.
pub(super) fn run(
    plugin: &Path,
    name: Option<&LabName>,
    rounds: u32,
    numbers: &mut Numbers,
) -> Result<ExitCode, Failure> {
    if let Some(name) = name {
        let stage = Stage::in_lab(&Lab::find(name)?);
        return soak(plugin, &stage, rounds, numbers);
    }
    let name: LabName = "soak".parse()?;
    let (lab, _) = Lab::up(&name, &mut Console::new())?;
    let soaked = soak(plugin, &Stage::in_lab(&lab), rounds, numbers);
    down(&name, &mut Console::new())?;
    soaked
}

/// A command that is killed.
struct Command {
    name: &'static str,
    words: Vec<String>,
    /// Whether the colleague runs it.
    is_theirs: bool,
    /// How long it takes undisturbed, as far as is known.
    takes: Duration,
    kills: u32,
    /// How often it had ended before it was to be killed.
    ended: u32,
}

/// The people, their database and their commands.
struct Scene {
    plugin: PathBuf,
    me: Tenant,
    x: Tenant,
    commands: Vec<Command>,
    _play: Play,
}

fn soak(
    plugin: &Path,
    stage: &Stage,
    rounds: u32,
    numbers: &mut Numbers,
) -> Result<ExitCode, Failure> {
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let release = Release::named("postgresql-951239").isolated(false);
    let database = me.postgres(release).ready();
    let mut shares = Shares::of(stage, &database);
    let privileges = database.effective_privileges();
    let share = format!("{}/{}", me.namespace(), database.fullname());
    let mut scene = Scene {
        plugin: plugin.to_owned(),
        commands: commands(&share, &x),
        me,
        x,
        _play: play,
    };
    // In this order each is possible after the last; how long each takes is the measure of its kills.
    for command in 0..scene.commands.len() {
        scene.undisturbed(command)?;
    }

    let begun = Instant::now();
    for round in 1..=rounds {
        let chosen = numbers.below(scene.commands.len() as u64);
        let chosen = usize::try_from(chosen)?;
        let after = scene.kill(chosen, numbers)?;
        let state = settled(&mut shares)?;
        let broken = state.broken();
        if !broken.is_empty() {
            let name = scene.commands[chosen].name;
            return Err(format!(
                "round {round}, {name} killed after {after:?}: {}",
                broken.join("; ")
            )
            .into());
        }
        if round % 20 == 0 {
            say(&format!("{round} kills, {:.0?}", begun.elapsed()))?;
        }
    }
    // Whatever is left by now, a grant makes it whole, and a revoke leaves nothing.
    let (grant, revoke) = (0, scene.commands.len() - 1);
    scene.undisturbed(grant)?;
    let whole = shares.look();
    if !whole.broken().is_empty() || whole.published().len() != 1 {
        return Err(format!("a last grant did not make it whole: {:?}", whole.broken()).into());
    }
    scene.undisturbed(revoke)?;
    let rest = shares.look();
    let changes = privileges.changes(&database.effective_privileges());
    if !rest.is_empty() || !changes.is_empty() {
        let rest = rest.facts(false);
        return Err(format!("a last revoke left {rest:?} {changes:?}").into());
    }
    for command in &scene.commands {
        say(&format!(
            "{:<8} killed {} times, {} of them after its end",
            command.name, command.kills, command.ended
        ))?;
    }
    say(&format!(
        "{rounds} kills in {:.0?}: no login without its Secret, no published Secret with a dead login, nobody beside the terms; the last grant was whole, and the last revoke left nothing",
        begun.elapsed()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn commands(share: &str, x: &Tenant) -> Vec<Command> {
    let with = x.namespace();
    let grant = format!("postgres --with {with} --isolate --yes --schema sales");
    let lines = [
        ("grant", grant.clone(), false),
        (
            "wider",
            format!(
                "{grant} --schema research --access write --no-expiry --subject user:{} --subject user:nobody",
                x.user()
            ),
            false,
        ),
        (
            "narrower",
            format!("{grant} --subject user:{}", x.user()),
            false,
        ),
        ("connect", format!("connect {share} --print env"), true),
        (
            "revoke",
            format!("revoke postgres --with {with} --unisolate --yes"),
            false,
        ),
    ];
    lines
        .into_iter()
        .map(|(name, line, is_theirs)| Command {
            name,
            words: line.split_whitespace().map(str::to_owned).collect(),
            is_theirs,
            takes: Duration::ZERO,
            kills: 0,
            ended: 0,
        })
        .collect()
}

impl Scene {
    fn program(&self, command: &Command) -> Result<Program, Failure> {
        let who = if command.is_theirs { &self.x } else { &self.me };
        // Straight, without kubectl, which becomes the plugin: more of the kills hit the plugin.
        let mut line = vec![self.plugin.clone().into_os_string()];
        line.extend(command.words.iter().map(Into::into));
        Ok(who.program(line))
    }

    fn undisturbed(&mut self, command: usize) -> Result<(), Failure> {
        let begun = Instant::now();
        let output = self.program(&self.commands[command])?.run();
        if !output.succeeded() {
            return Err(format!("undisturbed, this should have succeeded:\n{output}").into());
        }
        self.commands[command].takes = begun.elapsed();
        Ok(())
    }

    /// Starts a command and kills it some time later, which it returns.
    fn kill(&mut self, command: usize, numbers: &mut Numbers) -> Result<Duration, Failure> {
        let takes = self.commands[command].takes.as_micros();
        let after = Duration::from_micros(numbers.below(u64::try_from(takes)?.max(1)));
        let mut program = self.program(&self.commands[command])?.spawn();
        thread::sleep(after);
        let had_ended = program.try_wait()?.is_some();
        program.kill()?;
        program.wait_with_output()?;
        let command = &mut self.commands[command];
        command.kills += 1;
        command.ended += u32::from(had_ended);
        Ok(after)
    }
}

/// The shares, once nothing changes any more.
fn settled(shares: &mut Shares<'_>) -> Result<State, Failure> {
    let begun = Instant::now();
    let mut last = shares.look();
    while begun.elapsed() < SETTLED {
        thread::sleep(PAUSE);
        let state = shares.look();
        if state.facts(true) == last.facts(true) && state.broken() == last.broken() {
            return Ok(state);
        }
        last = state;
    }
    Err("the share goes on changing although its command was killed".into())
}
