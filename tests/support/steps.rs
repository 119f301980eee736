//! The steps of a run, as strace sees them: each call of the system by which anything happens
//! outside of the process. A run can be killed at one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;

use super::binary::{BINARY, Home, Invocation};
use super::mail::Random;

/// The calls by which anything happens outside of the process.
const EFFECTS: &str = "write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync,syncfs,ftruncate,\
    rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,utimensat";

/// One step: a call of this name, the n-th in its thread.
pub type Step = (String, usize);

/// Whether strace is there and may trace; where not, that is told as a skip.
pub fn can_trace(test: &str) -> bool {
    if !super::needs(test, &["strace"]) {
        return false;
    }
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        super::skip(test, "strace is not allowed to trace here");
    }
    can
}

fn traced(home: &Home, words: &[OsString], options: &[String]) -> Invocation {
    let strace = home.command("strace", &["-f", "-qq"]).args(options).arg(BINARY);
    words.iter().fold(strace, |strace, word| strace.arg(word))
}

/// The command under strace, to be killed at a step of it.
pub fn killed_at(home: &Home, words: &[OsString], (call, turn): &Step) -> Invocation {
    let inject = format!("-einject={call}:signal=KILL:when={turn}");
    traced(home, words, &[format!("-etrace={call}"), inject, "-o/dev/null".to_owned()])
}

/// The steps of a whole run, which is made by `run` and has to succeed.
pub fn steps(home: &Home, words: &[OsString], run: impl FnOnce(Invocation)) -> Vec<Step> {
    let trace = home.home().join("trace");
    let options = [format!("-etrace={EFFECTS}"), "-o".to_owned(), trace.display().to_string()];
    run(traced(home, words, &options));
    let trace = std::fs::read(&trace).expect("strace writes its file");
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in String::from_utf8_lossy(&trace).lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let Some((name, _)) = call.trim_start().split_once('(') else { continue };
        if name.starts_with(|first: char| first.is_ascii_lowercase()) {
            *counts.entry((thread.to_owned(), name.to_owned())).or_default() += 1;
        }
    }
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for ((_, name), count) in counts {
        let known = most.entry(name).or_default();
        *known = count.max(*known);
    }
    most.into_iter()
        .flat_map(|(name, count)| (1..=count).map(move |turn| (name.clone(), turn)))
        .collect()
}

/// So many of the steps, by a seed that is printed; all of them where everything is run.
pub fn sample<T>(test: &str, mut steps: Vec<T>, count: usize) -> Vec<T> {
    if !super::full() {
        let seed = std::env::var("PILLARBOX_SEED").ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or(u64::from(std::process::id()));
        eprintln!("{test}: PILLARBOX_SEED={seed}");
        let mut random = Random::new(seed);
        while steps.len() > count {
            steps.remove(random.below(steps.len()));
        }
    }
    steps
}
