//! Random histories on both sides against a simple model of what has to come of them: every
//! message is at one place, which the last change has said, on both sides, once, with the flags
//! that both sides have set.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// What a history has made: messages by their text.
#[derive(Debug, Clone, Default)]
struct Model {
    /// Where each message is and which flags it has.
    messages: BTreeMap<String, (String, BTreeSet<String>)>,
    folders: BTreeSet<String>,
}

/// A small generator (xorshift), so that a seed is a history.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % limit.max(1)
    }
}

/// A history as it is made: the world and the model of it, and what was touched since the last
/// run. What both sides did to one thing between two runs is a conflict, of which other tests
/// speak; here each thing is touched on one side, and anything may happen beside it.
struct History {
    world: World,
    model: Model,
    random: Random,
    count: usize,
    /// Messages that were moved or deleted since the last run.
    touched: BTreeSet<String>,
    /// Messages whose flags changed since the last run, with the side.
    flagged: BTreeMap<String, Side>,
    /// Folders that came, went, or got another name since the last run.
    shaken: BTreeSet<String>,
    /// Folders that a message has left since the last run.
    thinned: BTreeSet<String>,
    log: Vec<String>,
}

const FLAGS: [&str; 5] = ["\\Seen", "\\Flagged", "\\Answered", "work", "$Junk"];

impl History {
    fn new(seed: u64, kinds: Both<Kind>) -> Self {
        let mut model = Model::default();
        model.folders.insert("INBOX".to_owned());
        Self {
            world: World::new(kinds.far, kinds.near),
            model,
            random: Random::new(seed),
            count: 0,
            touched: BTreeSet::new(),
            flagged: BTreeMap::new(),
            shaken: BTreeSet::new(),
            thinned: BTreeSet::new(),
            log: Vec::new(),
        }
    }

    fn side(&mut self) -> Side {
        Side::BOTH[self.random.below(2)]
    }

    /// A flag that a side can keep.
    fn flag_for(&mut self, side: Side) -> &'static str {
        let most = if self.world.kinds.of(side).keeps_keywords { FLAGS.len() } else { 3 };
        FLAGS[self.random.below(most)]
    }

    /// A folder that a side has had since the last run.
    fn folder(&mut self) -> Option<String> {
        let all: Vec<String> = self
            .model
            .folders
            .iter()
            .filter(|name| !self.shaken.contains(*name))
            .cloned()
            .collect();
        (!all.is_empty()).then(|| all[self.random.below(all.len())].clone())
    }

    /// A message that both sides have had since the last run, in a folder that stands.
    fn message(&mut self) -> Option<(String, String)> {
        let all: Vec<(String, String)> = self
            .model
            .messages
            .iter()
            .filter(|(text, (folder, _))| {
                !self.touched.contains(*text) && !self.shaken.contains(folder)
            })
            .map(|(text, (folder, _))| (text.clone(), folder.clone()))
            .collect();
        (!all.is_empty()).then(|| all[self.random.below(all.len())].clone())
    }

    fn step(&mut self) {
        let side = self.side();
        match self.random.below(20) {
            0..=5 => self.add(side),
            6..=9 => self.change_flags(side),
            10..=12 => self.shift(side),
            13..=14 => self.delete(side),
            15 => self.create_folder(side),
            16 => drop(self.rename_folder(side)),
            17 => self.delete_folder(side),
            18 => self.change_generation(side),
            _ => self.rename_and_go_on(side),
        }
    }

    fn add(&mut self, side: Side) {
        let Some(folder) = self.folder() else { return };
        self.count += 1;
        let number = self.count;
        // Some have nothing but their content to be known by.
        let text = match number % 5 {
            0 => format!("no header {number}"),
            _ => mail(&number.to_string()),
        };
        let flag = self.flag_for(side);
        self.world.add(side, &folder, &text, &[flag]);
        self.log.push(format!("{side}: add {number} to {folder}"));
        // The other side does not have it yet.
        self.touched.insert(text.clone());
        self.model.messages.insert(text, (folder, BTreeSet::from([flag.to_owned()])));
    }

    fn change_flags(&mut self, side: Side) {
        let Some((text, folder)) = self.message() else { return };
        let flag = self.flag_for(side);
        if self.flagged.insert(text.clone(), side).is_some_and(|before| before != side) {
            // Both sides: that is merged flag by flag, and only one of them changes this one.
            self.touched.insert(text.clone());
        }
        let Some((_, flags)) = self.model.messages.get_mut(&text) else { return };
        let operation = if flags.remove(flag) {
            FlagOperation::Remove
        } else {
            flags.insert(flag.to_owned());
            FlagOperation::Add
        };
        self.world.flag(side, &folder, &text, operation, flag);
        self.log.push(format!("{side}: {operation:?} {flag} on {text:?}"));
        self.touched.insert(text);
    }

    fn shift(&mut self, side: Side) {
        let (Some((text, from)), Some(to)) = (self.message(), self.folder()) else { return };
        if from == to {
            return;
        }
        self.world.shift(side, &from, &text, &to);
        self.log.push(format!("{side}: move {text:?} from {from} to {to}"));
        self.touched.insert(text.clone());
        self.thinned.insert(from);
        if let Some((folder, _)) = self.model.messages.get_mut(&text) {
            *folder = to;
        }
    }

    fn delete(&mut self, side: Side) {
        let Some((text, folder)) = self.message() else { return };
        self.world.delete(side, &folder, &text);
        self.log.push(format!("{side}: delete {text:?} in {folder}"));
        self.touched.insert(text.clone());
        self.thinned.insert(folder);
        self.model.messages.remove(&text);
    }

    fn create_folder(&mut self, side: Side) {
        let name = format!("folder {}", self.random.below(9));
        if self.shaken.contains(&name) || !self.model.folders.insert(name.clone()) {
            return;
        }
        self.world.accounts.of(side).borrow_mut().create(&name, &[]).expect("a good name");
        self.log.push(format!("{side}: create {name}"));
        self.shaken.insert(name);
    }

    fn rename_folder(&mut self, side: Side) -> Option<(String, String)> {
        let from = self.folder().filter(|name| name != "INBOX")?;
        let to = format!("other {}", self.random.below(9));
        let is_idle = |name: &String| {
            self.model
                .messages
                .iter()
                .all(|(text, (folder, _))| folder != name || !self.touched.contains(text))
        };
        if self.model.folders.contains(&to) || self.shaken.contains(&to) || !is_idle(&from) {
            return None;
        }
        self.world.accounts.of(side).borrow_mut().rename(&from, &to).expect("there");
        self.log.push(format!("{side}: rename {from} to {to}"));
        self.model.folders.remove(&from);
        self.model.folders.insert(to.clone());
        for (folder, _) in self.model.messages.values_mut() {
            if *folder == from {
                folder.clone_from(&to);
            }
        }
        self.shaken.insert(from.clone());
        self.shaken.insert(to.clone());
        Some((from, to))
    }

    fn rename_and_go_on(&mut self, side: Side) {
        let Some((_, to)) = self.rename_folder(side) else { return };
        self.count += 1;
        let text = mail(&format!("{} in a renamed folder", self.count));
        self.world.add(side, &to, &text, &[]);
        self.log.push(format!("{side}: add {} to {to}", self.count));
        self.touched.insert(text.clone());
        self.model.messages.insert(text, (to, BTreeSet::new()));
    }

    fn delete_folder(&mut self, side: Side) {
        let Some(name) = self.folder().filter(|name| name != "INBOX") else { return };
        let inside: Vec<String> = self
            .model
            .messages
            .iter()
            .filter(|(_, (folder, _))| *folder == name)
            .map(|(text, _)| text.clone())
            .collect();
        // With something new in it, it is kept: of that speaks another test.
        let is_idle =
            |text: &String| !self.touched.contains(text) && !self.flagged.contains_key(text);
        if !inside.iter().all(is_idle) {
            return;
        }
        self.world.accounts.of(side).borrow_mut().delete(&name).expect("there");
        self.log.push(format!("{side}: delete folder {name}"));
        self.model.folders.remove(&name);
        self.shaken.insert(name);
        for text in inside {
            self.model.messages.remove(&text);
        }
    }

    /// The folder is made anew with the same messages: other ids.
    fn change_generation(&mut self, side: Side) {
        let Some(name) = self.folder().filter(|name| name != "INBOX") else { return };
        let is_idle = self.model.messages.iter().all(|(text, (folder, _))| {
            *folder != name || (!self.touched.contains(text) && !self.flagged.contains_key(text))
        });
        // What left a folder that is made anew cannot be told from what was lost with it.
        if !is_idle || self.thinned.contains(&name) {
            return;
        }
        let held = self.world.seen(side).remove(&name).unwrap_or_default();
        self.world.accounts.of(side).borrow_mut().delete(&name).expect("there");
        self.world.accounts.of(side).borrow_mut().create(&name, &[]).expect("a good name");
        for (text, flags, _) in held.iter().rev() {
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            self.world.add(side, &name, text, &flags);
        }
        self.log.push(format!("{side}: made {name} anew"));
        self.shaken.insert(name);
    }

    /// What has to be on a side.
    fn wanted(&self, keeps_keywords: bool) -> BTreeMap<String, Vec<(String, Vec<String>)>> {
        let mut wanted: BTreeMap<String, Vec<(String, Vec<String>)>> = BTreeMap::new();
        for folder in &self.model.folders {
            wanted.entry(folder.clone()).or_default();
        }
        for (text, (folder, flags)) in &self.model.messages {
            let flags = kept(&flags.iter().collect(), keeps_keywords);
            let names = flags.iter().map(|flag| flag.name().to_owned()).collect();
            wanted.entry(folder.clone()).or_default().push((text.clone(), names));
        }
        for messages in wanted.values_mut() {
            messages.sort();
        }
        wanted
    }

    #[track_caller]
    fn check(&self, seed: u64) {
        for side in Side::BOTH {
            let seen: BTreeMap<String, Vec<(String, Vec<String>)>> = self
                .world
                .seen(side)
                .into_iter()
                .map(|(folder, messages)| {
                    let of = |(text, flags, _): Seen| (text, flags);
                    (folder, messages.into_iter().map(of).collect())
                })
                .collect();
            let wanted = self.wanted(self.world.kinds.of(side).keeps_keywords);
            assert!(
                seen == wanted,
                "seed {seed}, {side}:\nis     {seen:?}\nwanted {wanted:?}\n{}",
                self.log.join("\n")
            );
        }
    }

    fn settled(&mut self) {
        self.touched.clear();
        self.flagged.clear();
        self.shaken.clear();
        self.thinned.clear();
        self.log.push("-- run".to_owned());
    }
}

/// One history of several runs; how many changes.
fn play(seed: u64, dir: &Dir) -> usize {
    let kinds = [
        PLAIN,
        Kind { has_history: false, ..PLAIN },
        Kind { tells_places: false, ..PLAIN },
        Kind { has_history: false, tells_places: false, ..PLAIN },
        Kind { keeps_keywords: false, ..PLAIN },
        Kind { keeps_keywords: false, tells_flags: false, ..PLAIN },
    ];
    let mut random = Random::new(seed ^ 0x5eed);
    let far = kinds[random.below(4)];
    // One that has no mod-sequences may be a Maildir, which has stamps.
    let near = Kind { has_stamps: random.below(2) == 0, ..kinds[random.below(6)] };
    let mut history = History::new(seed, Both { far, near });
    let state = dir.path().join(format!("{seed}.db"));
    let job = Job { max_delete: Some(MaxDelete::Messages(1000)), ..job(Mode::TwoWay) };
    for _ in 0..6 {
        for _ in 0..random.below(10) {
            history.step();
        }
        // One run in four is killed at some step, and another goes on.
        if random.below(4) == 0 {
            let death = [Death::Before, Death::Halfway, Death::After][random.below(3)];
            let fuse = Fuse::new(u32::try_from(1 + random.below(40)).unwrap_or(1));
            let ended = history.world.sync(&state, &job, &fuse, death);
            assert_eq!(ended.is_err(), fuse.has_burnt(), "seed {seed}");
            history.log.push("-- killed".to_owned());
        }
        let (exit, text) = history.world.sync_whole(&state, &job);
        assert_eq!(exit, Exit::Ok, "seed {seed}: {text}\n{}", history.log.join("\n"));
        history.settled();
        history.check(seed);
        let before = history.world.version();
        let (_, text) = history.world.sync_whole(&state, &job);
        assert_eq!(
            history.world.version(),
            before,
            "seed {seed}: a further run does something: {text}\n{}",
            history.log.join("\n")
        );
    }
    std::fs::remove_file(&state).expect("an own file can be removed");
    history.log.len()
}

/// `PILLARBOX_SEED` repeats one history, `PILLARBOX_FULL=1` plays 5,000.
#[test]
fn random_histories_come_to_what_the_model_says() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("PILLARBOX_SEED") {
        Some(seed) => seed..seed + 1,
        None if number("PILLARBOX_FULL") == Some(1) => 0..5_000,
        None => 0..60,
    };
    let dir = Dir::new();
    let (mut histories, mut changes) = (0, 0);
    for seed in seeds {
        changes += play(seed, &dir);
        histories += 1;
    }
    eprintln!("{histories} histories with {changes} changes and runs");
}
