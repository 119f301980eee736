//! Several clients on one mailbox doing this and that: each knows at all times what is in
//! it, by nothing but what it was told (RFC 9051 sections 5.2, 7.4.1 and 7.5.1, RFC 7162).

use std::collections::BTreeMap;

use super::super::testing::*;
use crate::imap::syntax::set::SequenceSet;

/// Numbers that are always the same (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// What a client knows.
struct Client {
    talk: Talk,
    /// The messages by sequence number; `None` where it was not told the UID.
    uids: Vec<Option<u32>>,
    /// Flags by UID, as they were told.
    flags: BTreeMap<u32, String>,
    qresync: bool,
}

/// What stands between `start` and `end` in a line.
fn between<'l>(line: &'l str, start: &str, end: char) -> Option<&'l str> {
    let (_, rest) = line.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

impl Client {
    /// Says a command. VANISHED makes sense only to a client that knows its UIDs, and so it
    /// asks for those that it was not told.
    fn say(&mut self, command: &str) {
        self.believe(command);
        if let (Some(place), true) = (self.unknown(), self.qresync) {
            self.believe(&format!("FETCH {}:* (UID FLAGS)", place + 1));
            assert_eq!(self.unknown(), None, "{command}");
        }
    }

    /// The first message whose UID was not told.
    fn unknown(&self) -> Option<usize> {
        self.uids.iter().position(Option::is_none)
    }

    /// Says a command, and believes what it is told.
    fn believe(&mut self, command: &str) {
        let said = self.talk.say(command);
        assert!(!said.contains(" BAD "), "{command}: {said}");
        let numbered = ["FETCH", "STORE", "SEARCH"].iter().any(|name| command.starts_with(name));
        for line in said.split_terminator("\r\n") {
            if let Some(rest) = line.strip_prefix("* ") {
                self.hear(rest, numbered, command);
            }
        }
    }

    fn hear(&mut self, line: &str, numbered: bool, command: &str) {
        if let Some(set) = line.strip_prefix("VANISHED ") {
            assert!(self.qresync && !numbered, "{command}: {line}");
            let set = SequenceSet::from_text(set.as_bytes()).expect("a set");
            for uid in set.numbers(0) {
                let place = self.uids.iter().position(|known| *known == Some(uid));
                self.uids.remove(place.expect("a message that was known"));
                self.flags.remove(&uid);
            }
            return;
        }
        let Some((number, rest)) = line.split_once(' ') else { return };
        let Ok(number) = number.parse::<usize>() else { return };
        if rest == "EXISTS" {
            assert!(number >= self.uids.len(), "{command}: {line}");
            self.uids.resize(number, None);
        } else if rest == "EXPUNGE" {
            assert!(!self.qresync && !numbered, "{command}: {line}");
            assert!((1..=self.uids.len()).contains(&number), "{command}: {line}");
            if let Some(uid) = self.uids.remove(number - 1) {
                self.flags.remove(&uid);
            }
        } else if rest.starts_with("FETCH ") {
            self.hear_fetch(number, rest, command);
        }
    }

    fn hear_fetch(&mut self, number: usize, line: &str, command: &str) {
        assert!((1..=self.uids.len()).contains(&number), "{command}: {line}");
        let place = number - 1;
        if let Some(uid) = between(&format!("{line} "), "UID ", ' ') {
            let uid: u32 = uid.trim_end_matches(')').parse().expect("a UID");
            assert!(self.uids[place].is_none_or(|known| known == uid), "{command}: {line}");
            self.uids[place] = Some(uid);
            let known: Vec<u32> = self.uids.iter().flatten().copied().collect();
            assert!(known.is_sorted_by(|one, other| one < other), "{command}: {line} {known:?}");
        }
        if let (Some(flags), Some(uid)) = (between(line, "FLAGS (", ')'), self.uids[place]) {
            let flags: Vec<&str> = flags.split(' ').filter(|flag| *flag != "\\Recent").collect();
            self.flags.insert(uid, flags.join(" "));
        }
    }

    /// Some set of numbers or UIDs, and whether it is UIDs.
    fn set(&self, dice: &mut Dice) -> (bool, String) {
        let uid = dice.below(2) == 0;
        let mut number = || {
            let place = dice.below(self.uids.len());
            if uid { self.uids[place].unwrap_or(1) as usize } else { place + 1 }
        };
        let (one, other) = (number(), number());
        let set = match dice.below(4) {
            0 => format!("{one}"),
            1 => format!("{one}:{other}"),
            2 => format!("{one},{other}"),
            _ => "*".to_owned(),
        };
        (uid, set)
    }

    fn act(&mut self, dice: &mut Dice) {
        let flags = ["", "\\Seen", "\\Deleted", "\\Flagged \\Answered", "$A", "$B \\Draft"];
        if self.uids.len() < 6 {
            let flags = dice.pick(&flags);
            return self.say(&format!("APPEND INBOX ({flags}) {{1}}\r\nx"));
        }
        let (uid, set) = self.set(dice);
        let prefix = if uid { "UID " } else { "" };
        match dice.below(12) {
            0 => self.say(&format!("APPEND INBOX ({}) {{1}}\r\nx", dice.pick(&flags))),
            1 | 2 => {
                let action = dice.pick(&["", "+", "-"]);
                let flags = dice.pick(&flags);
                self.say(&format!("{prefix}STORE {set} {action}FLAGS ({flags})"));
            }
            3 => self.say("EXPUNGE"),
            4 => self.say(&format!("UID EXPUNGE {}", if uid { set } else { "1:*".to_owned() })),
            5 => self.say(&format!("{prefix}COPY {set} INBOX")),
            6 => self.say(&format!("{prefix}MOVE {set} INBOX")),
            7 => self.say(&format!("{prefix}FETCH {set} (UID FLAGS)")),
            8 => self.say(&format!("{prefix}FETCH {set} BODY[TEXT]")),
            9 => self.say(&format!("{prefix}SEARCH {}", dice.pick(&["SEEN", "ALL", "DELETED"]))),
            _ => self.say("NOOP"),
        }
    }
}

#[test]
fn nobody_loses_count() {
    for seed in 1..=4 {
        let account = account();
        let server = server(&account);
        let mut dice = Dice(seed * 0x9e37_79b9);
        let mut clients: Vec<Client> = (0..4)
            .map(|number| {
                let mut talk = Talk::ann(&server);
                let qresync = number % 2 == 1;
                if qresync {
                    talk.ask("ENABLE QRESYNC");
                }
                let mut client = Client { talk, uids: Vec::new(), flags: BTreeMap::new(), qresync };
                client.say("SELECT INBOX");
                client
            })
            .collect();
        for _ in 0..400 {
            let number = dice.below(clients.len());
            clients[number].act(&mut dice);
        }
        let there: Vec<Option<u32>> = {
            let account = account.borrow();
            let inbox = account.find("INBOX").and_then(|id| account.mailbox(id));
            inbox.expect("INBOX exists").messages().iter().map(|m| Some(m.uid)).collect()
        };
        for client in &mut clients {
            client.say("NOOP");
            let told = client.flags.clone();
            client.say("UID FETCH 1:* (UID FLAGS)");
            assert_eq!(client.uids, there, "seed {seed}");
            for (uid, flags) in told {
                assert_eq!(client.flags.get(&uid), Some(&flags), "seed {seed}, UID {uid}");
            }
        }
    }
}
