//! What mbsync's `Sync` and `MaxSize` say, and the way of ours that carries no more.

/// What travels in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    pub new: bool,
    pub gone: bool,
    pub flags: bool,
}

impl Kinds {
    pub const ALL: Self = Self { new: true, gone: true, flags: true };

    /// That of one word of `Sync`, without its direction.
    pub fn of(word: &str) -> Option<Self> {
        let none = Self::default();
        match word {
            "new" => Some(Self { new: true, ..none }),
            "delete" | "gone" => Some(Self { gone: true, ..none }),
            "flags" => Some(Self { flags: true, ..none }),
            // Messages that were too large before, fetched after all: ours are never cut.
            "renew" | "upgrade" | "old" => Some(none),
            _ => None,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            new: self.new || other.new,
            gone: self.gone || other.gone,
            flags: self.flags || other.flags,
        }
    }
}

/// What `Sync` says travels: from far to near, and from near to far.
pub(super) fn kinds(words: &[String]) -> Result<(Kinds, Kinds), String> {
    let (mut pull, mut push) = (Kinds::default(), Kinds::default());
    // Words without the other half: each direction goes with each kind.
    let (mut pulls, mut pushes, mut loose) = (false, false, None::<Kinds>);
    for word in words {
        match word.to_ascii_lowercase().as_str() {
            "none" => {}
            "all" | "full" => (pull, push) = (Kinds::ALL, Kinds::ALL),
            "pull" => pulls = true,
            "push" => pushes = true,
            word => {
                let wrong = || format!("Sync {word} is not known");
                if let Some(kind) = word.strip_prefix("pull") {
                    pull = pull.and(Kinds::of(kind).ok_or_else(wrong)?);
                } else if let Some(kind) = word.strip_prefix("push") {
                    push = push.and(Kinds::of(kind).ok_or_else(wrong)?);
                } else {
                    let kind = Kinds::of(word).ok_or_else(wrong)?;
                    loose = Some(loose.unwrap_or_default().and(kind));
                }
            }
        }
    }
    let is_undirected = !pulls && !pushes;
    let kinds = loose.unwrap_or(if is_undirected { Kinds::default() } else { Kinds::ALL });
    if pulls || is_undirected {
        pull = pull.and(kinds);
    }
    if pushes || is_undirected {
        push = push.and(kinds);
    }
    Ok((pull, push))
}

/// How a pair goes that carries no more than `Sync` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Both,
    Pull,
    Push,
    /// Only what is new, to near.
    Copy,
    /// Only what is new, to far: a copy with the sides exchanged.
    CopyBack,
    /// Nothing that a pair of ours could do.
    Nothing,
}

impl Way {
    pub fn of((pull, push): (Kinds, Kinds)) -> Self {
        let none = Kinds::default();
        match (pull, push) {
            (Kinds::ALL, Kinds::ALL) => Self::Both,
            (Kinds::ALL, _) => Self::Pull,
            (_, Kinds::ALL) if !pull.new => Self::Push,
            (pull, _) if pull.new => Self::Copy,
            (pull, push) if pull == none && push.new => Self::CopyBack,
            _ => Self::Nothing,
        }
    }

    /// Which sides it deletes on: far, near.
    pub fn deletes(self) -> (bool, bool) {
        match self {
            Self::Both => (true, true),
            Self::Pull => (false, true),
            Self::Push => (true, false),
            Self::Copy | Self::CopyBack | Self::Nothing => (false, false),
        }
    }

    /// Whether that is all that was asked for.
    pub fn is_all(self, (pull, push): (Kinds, Kinds)) -> bool {
        let (none, new) = (Kinds::default(), Kinds { new: true, ..Kinds::default() });
        match self {
            Self::Both => true,
            Self::Pull => push == none,
            Self::Push => pull == none,
            Self::Copy => (pull, push) == (new, none),
            Self::CopyBack => (pull, push) == (none, new),
            Self::Nothing => (pull, push) == (none, none),
        }
    }
}

/// A size of mbsync's in words of ours; `None`: no limit.
pub(super) fn size(word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    let word = word.strip_suffix('b').unwrap_or(&word);
    let (digits, unit) = match word.strip_suffix(['k', 'm']) {
        Some(digits) => (digits, if word.ends_with('k') { "k" } else { "M" }),
        None => (word, ""),
    };
    let number: u64 = digits.parse().ok()?;
    (number > 0).then(|| format!("{number}{unit}"))
}
