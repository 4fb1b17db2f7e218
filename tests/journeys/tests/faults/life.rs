//! Commands that lead from one to the next, and the last one back to the first, each killed at each of
//! its points.
//!
//! A point that only looks leaves everything as it was: then the next round, which is the same command
//! again, is the proof that nothing was lost. Wherever something was changed, the same command is run
//! again, or the share taken back, and what is there then is compared with what undisturbed commands
//! leave.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use datalab_journeys::shares::{Shares, State};
use datalab_lab::proxy::{Fault, Point, Stopped, What};
use datalab_lab::tenant::{Database, Snapshot};

use crate::scene::{Scene, say};

/// One command.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) command: Vec<String>,
    /// Fewer points than this are a sign that the proxy missed some.
    pub(crate) at_least: usize,
}

/// What becomes of a share; the last step takes it back.
pub(crate) struct Life<'s> {
    pub(crate) scene: &'s Scene,
    pub(crate) database: &'s Database,
    pub(crate) steps: [Step; 4],
}

/// What an undisturbed step leaves.
struct End {
    facts: BTreeSet<String>,
    privileges: Snapshot,
}

/// How far it went.
#[derive(Default)]
struct Tally {
    hit: usize,
    changed: usize,
    missed: Vec<String>,
}

/// How often something half done was found, by the step and by what it was.
type Found = HashMap<(usize, BTreeSet<String>), usize>;

impl Life<'_> {
    /// Kills these steps at each of their points, before or after the server has carried it out; the
    /// others lead from one to the next.
    ///
    /// # Panics
    /// When a point could not be hit, when a share was broken, or not found whole again.
    #[track_caller]
    pub(crate) fn kill(&self, what: &What, killed: &[&str]) {
        let begun = Instant::now();
        let mut shares = Shares::of(&self.scene.stage, self.database);
        let (ends, mut queues): (Vec<End>, Vec<VecDeque<Point>>) = self
            .steps
            .iter()
            .map(|step| self.undisturbed(step, &mut shares))
            .unzip();
        for (step, queue) in self.steps.iter().zip(&mut queues) {
            if !killed.contains(&step.name) {
                queue.clear();
            }
        }

        let mut tally = Tally::default();
        let mut found = Found::new();
        let mut current = 0;
        let mut start = shares.look();
        while queues.iter().any(|queue| !queue.is_empty()) {
            let next = (current + 1) % self.steps.len();
            let step = &self.steps[current];
            let Some(point) = queues[current].pop_front() else {
                self.scene.run(&step.command).ok();
                start = shares.look();
                current = next;
                continue;
            };
            let context = format!("{} killed {what:?} at {point}", step.name);
            let Some(state) = self.kill_at(what, step, &point, &mut shares) else {
                tally.missed.push(context);
                start = shares.look();
                current = next;
                continue;
            };
            tally.hit += 1;
            assert_eq!(state.broken(), Vec::<String>::new(), "{context}");
            if state.facts(true) == start.facts(true) {
                continue;
            }
            tally.changed += 1;
            let times = found.entry((current, state.facts(false))).or_default();
            *times += 1;
            // By turns, but more often by the step itself, which leads on.
            let last = self.steps.len() - 1;
            let recovery = if *times % 4 == 2 { last } else { current };
            let again = self.scene.run(&self.steps[recovery].command);
            assert!(again.succeeded(), "{context}: {again}");
            start = shares.look();
            let privileges = (*times <= 2).then(|| self.database.effective_privileges());
            ends[recovery].assert_is(&start, privileges.as_ref(), &context);
            current = (recovery + 1) % self.steps.len();
        }
        say(&format!(
            "{what:?} in {killed:?}: {} points hit, {} of which had changed something, in {:.0?}",
            tally.hit,
            tally.changed,
            begun.elapsed()
        ));
        // A question that is asked again until the answer is there has more points in one run than in
        // the next.
        let Tally { hit, missed, .. } = tally;
        assert!(missed.len() * 20 <= hit, "not hit: {missed:#?}");
    }

    /// What a step leaves when nobody disturbs it, and its points.
    #[track_caller]
    fn undisturbed(&self, step: &Step, shares: &mut Shares<'_>) -> (End, VecDeque<Point>) {
        self.scene.proxy.arm([]);
        self.scene.run_by_proxy(&step.command).ok();
        let points = self.scene.proxy.points();
        self.scene.proxy.release();
        assert!(
            points.len() >= step.at_least,
            "only {} points of {}: {points:#?}",
            points.len(),
            step.name
        );
        let state = shares.look();
        assert_eq!(state.broken(), Vec::<String>::new(), "{}", step.name);
        let end = End {
            facts: state.facts(false),
            privileges: self.database.effective_privileges(),
        };
        (end, points.into())
    }

    /// Runs a step until the point, kills it there, and looks; nothing when it ended before.
    #[track_caller]
    fn kill_at(
        &self,
        what: &What,
        step: &Step,
        point: &Point,
        shares: &mut Shares<'_>,
    ) -> Option<State> {
        let proxy = &self.scene.proxy;
        proxy.arm([Fault::at_point(what.clone(), point)]);
        let mut program = self.scene.start_by_proxy(&step.command);
        let stopped = proxy.until_stopped(&mut program);
        program.kill().expect("because the child is ours");
        let output = program
            .wait_with_output()
            .expect("because the child is ours to wait for");
        proxy.release();
        match stopped.expect("because a command comes to its point or ends") {
            Stopped::At(_) => Some(shares.look()),
            Stopped::Never => {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{}, {point}: {said}", step.name);
                None
            }
        }
    }
}

impl End {
    #[track_caller]
    fn assert_is(&self, state: &State, privileges: Option<&Snapshot>, context: &str) {
        let facts = state.facts(false);
        let gone: Vec<_> = self.facts.difference(&facts).collect();
        let come: Vec<_> = facts.difference(&self.facts).collect();
        assert!(
            gone.is_empty() && come.is_empty(),
            "{context}: not as an undisturbed run leaves it\n- {gone:#?}\n+ {come:#?}"
        );
        let changes = privileges.map(|found| self.privileges.changes(found));
        let changes = changes.unwrap_or_default();
        assert!(
            changes.is_empty(),
            "{context}: not as an undisturbed run leaves it\n{}",
            changes.join("\n")
        );
    }
}
