//! A run is killed at each of its steps: each call of the system by which it says something to
//! the server, or does something to a file or to its own state. Then one goes on.

use std::collections::{BTreeMap, BTreeSet};

use super::support::{Run, binary::BINARY, full, mail::Random, needs, skip};
use super::world::World;

/// The calls by which anything happens outside of the process.
const EFFECTS: &str = "write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync,syncfs,ftruncate,\
    rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,utimensat";

/// How many steps are looked at where not all are.
const SAMPLE: usize = 6;

impl World {
    /// Runs under strace with more of its options.
    fn traced(&self, options: &[String]) -> Run {
        let mut strace = self.home.command("strace", &["-f", "-qq"]).args(options).arg(BINARY);
        for word in self.words() {
            strace = strace.arg(word);
        }
        strace.password("secret").run()
    }

    /// The steps of a whole run: each call with the number of its turn in its thread.
    fn steps(&self) -> Vec<(String, usize)> {
        let trace = self.home.home().join("trace");
        let options = [format!("-etrace={EFFECTS}"), "-o".to_owned(), trace.display().to_string()];
        self.traced(&options).success();
        let trace = std::fs::read(&trace).expect("strace writes its file");
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        for line in String::from_utf8_lossy(&trace).lines() {
            let Some((thread, call)) = line.split_once(' ') else { continue };
            let Some((name, _)) = call.trim_start().split_once('(') else { continue };
            if name.starts_with(|first: char| first.is_ascii_lowercase()) {
                *counts.entry((thread.to_owned(), name.to_owned())).or_default() += 1;
            }
        }
        let steps: BTreeSet<(String, usize)> = counts
            .into_iter()
            .flat_map(|((_, name), count)| (1..=count).map(move |turn| (name.clone(), turn)))
            .collect();
        steps.into_iter().collect()
    }
}

#[test]
fn killed_at_any_step_and_gone_on_it_comes_to_the_same_end() {
    let test = "killed_at_any_step_and_gone_on_it_comes_to_the_same_end";
    if !needs(test, &["strace"]) {
        return;
    }
    let tried = std::process::Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        skip(test, "strace is not allowed to trace here");
        return;
    }
    let Some(world) = World::begin(test) else { return };
    world.restore();
    let mut steps = world.steps();
    let all = steps.len();
    assert!(all > 60, "a run has more steps than {all}");
    if !full() {
        let seed = std::env::var("PILLARBOX_SEED").ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or(u64::from(std::process::id()));
        eprintln!("{test}: PILLARBOX_SEED={seed}");
        let mut random = Random::new(seed);
        while steps.len() > SAMPLE {
            steps.remove(random.below(steps.len()));
        }
    }
    let (mut killed, mut missed) = (0, 0);
    for (call, turn) in &steps {
        world.restore();
        let inject = format!("-einject={call}:signal=KILL:when={turn}");
        let run = world.traced(&[format!("-etrace={call}"), inject, "-o/dev/null".to_owned()]);
        // How work falls to threads is not always the same: then it may not come to this turn.
        if run.code == Some(0) {
            missed += 1
        } else {
            killed += 1
        }
        world.resumed(&format!("killed at {call} {turn}"), &run);
    }
    eprintln!("{test}: of {all} steps killed at {killed}; {missed} were not come to");
    assert!(killed > missed, "most steps are those of every run");
}
