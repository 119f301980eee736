//! Folders that have another name on the other side: rules of renaming, and special uses
//! (RFC 6154).
//!
//! The far side's names are the ones that a pair speaks in. What a near folder is called is
//! worked out from the far names, once at the start of a run, so that both ways are known. A
//! near folder that no rule leads to keeps its name where the rules would leave that name as
//! it is; else nobody can say what it would be called far, and it is left alone.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::store::Folder;
use crate::store::pattern::canonical;
use crate::ui::{Exit, Failure};

/// A rule of renaming.
#[derive(Debug, Clone)]
pub struct Rename {
    pattern: Regex,
    name: String,
}

impl PartialEq for Rename {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Rename {}

impl std::fmt::Display for Rename {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.pattern, self.name)
    }
}

impl std::str::FromStr for Rename {
    type Err = String;

    /// `PATTERN=NAME`; the first `=` parts them, and `\x3d` is one in the pattern.
    fn from_str(text: &str) -> Result<Self, String> {
        let (pattern, name) = text.split_once('=').ok_or("want PATTERN=NAME")?;
        if pattern.is_empty() {
            return Err("the pattern is empty".to_owned());
        }
        let pattern = Regex::new(pattern).map_err(|error| {
            let text = error.to_string();
            text.lines().last().unwrap_or("it is no regular expression").trim().to_owned()
        })?;
        Ok(Self { pattern, name: name.to_owned() })
    }
}

/// The names of near folders by those of far ones, and the way back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    rules: Vec<Rename>,
    near: BTreeMap<String, String>,
    far: BTreeMap<String, String>,
    /// What there is near, by its own names.
    here: BTreeSet<String>,
}

impl Names {
    /// Works out the names of all folders that there are. With `by_use`, a far folder whose
    /// special use exactly one near folder has, too, is that one.
    ///
    /// # Errors
    /// A [`Failure`] (64) where two far folders would be one near.
    pub fn new(
        rules: &[Rename],
        by_use: bool,
        far: &[Folder],
        near: &[Folder],
    ) -> Result<Self, Failure> {
        let mut names = Self { rules: rules.to_vec(), ..Self::default() };
        let there = near.iter().filter(|folder| folder.selectable);
        names.here = there.map(|folder| canonical(&folder.name)).collect();
        let used = if by_use { same_use(far, near) } else { BTreeMap::new() };
        for folder in far.iter().filter(|folder| folder.selectable) {
            let name = canonical(&folder.name);
            let there = used.get(&name).cloned().unwrap_or_else(|| names.by_rules(&name));
            if let Some(other) = names.far.insert(there.clone(), name.clone()) {
                let message = format!("{other} and {name} would both be {there} near");
                let hint = "see --rename and --special-use; --exclude does not help here";
                return Err(Failure::new(Exit::Usage, message).hint(hint));
            }
            names.near.insert(name, there);
        }
        Ok(names)
    }

    /// What a far folder is called near.
    pub fn near_of(&self, far: &str) -> String {
        let name = canonical(far);
        match self.near.get(&name) {
            Some(there) => there.clone(),
            None => self.by_rules(&name),
        }
    }

    /// What a near folder is called far; `None`: nobody knows.
    pub fn far_of(&self, near: &str) -> Option<String> {
        let name = canonical(near);
        if let Some(far) = self.far.get(&name) {
            return Some(far.clone());
        }
        // A far folder of that name exists already and is another one near.
        (self.by_rules(&name) == name && !self.near.contains_key(&name)).then_some(name)
    }

    /// Whether there is a folder near that is called so there.
    pub fn is_here(&self, near: &str) -> bool {
        self.here.contains(near)
    }

    fn by_rules(&self, name: &str) -> String {
        let mut name = name.to_owned();
        for rule in &self.rules {
            name = rule.pattern.replace_all(&name, rule.name.as_str()).into_owned();
        }
        canonical(&name)
    }
}

/// Pairs of folders, far and near, that are the only ones of their side with one use.
fn same_use(far: &[Folder], near: &[Folder]) -> BTreeMap<String, String> {
    let of = |folders: &[Folder]| -> BTreeMap<String, BTreeSet<String>> {
        let mut by_use: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for folder in folders.iter().filter(|folder| folder.selectable) {
            for special in &folder.special_use {
                let of_use = by_use.entry(special.to_ascii_lowercase()).or_default();
                of_use.insert(canonical(&folder.name));
            }
        }
        by_use
    };
    let (far, near) = (of(far), of(near));
    let mut pairs = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (special, folders) in &far {
        let there = near.get(special).filter(|names| names.len() == 1);
        if let (1, Some(there)) = (folders.len(), there)
            && let (Some(far), Some(near)) = (folders.first(), there.first())
            && taken.insert(near.clone())
        {
            pairs.entry(far.clone()).or_insert_with(|| near.clone());
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, special: &[&str]) -> Folder {
        Folder {
            name: name.into(),
            special_use: special.iter().map(|&text| text.to_owned()).collect(),
            selectable: true,
            ..Folder::default()
        }
    }

    fn rules(words: &[&str]) -> Vec<Rename> {
        words.iter().map(|word| word.parse().expect("a rule")).collect()
    }

    #[test]
    fn rules_apply_one_behind_the_other_and_back() {
        let far = [folder("INBOX", &[]), folder("Lists/rust", &[]), folder("Old Mail", &[])];
        let rules = rules(&["^Lists/(.*)$=list.$1", r"\.=/", "Old=New"]);
        let names = Names::new(&rules, false, &far, &[]).expect("fits");
        assert_eq!(names.near_of("Lists/rust"), "list/rust");
        assert_eq!(names.far_of("list/rust").as_deref(), Some("Lists/rust"));
        assert_eq!(names.near_of("inbox"), "INBOX");
        assert_eq!(names.far_of("New Mail").as_deref(), Some("Old Mail"));
        // One that only near has: as it is called, or nobody knows.
        assert_eq!(names.far_of("Notes").as_deref(), Some("Notes"));
        assert_eq!(names.far_of("Old Notes"), None);
        assert_eq!(names.near_of("Lists/later"), "list/later");
    }

    #[test]
    fn two_folders_are_never_made_one() {
        let far = [folder("A/x", &[]), folder("B/x", &[])];
        let wrong = Names::new(&rules(&["^[AB]/="]), false, &far, &[]).expect_err("both are x");
        assert!(wrong.to_string().contains("A/x and B/x would both be x near"), "{wrong}");
    }

    #[test]
    fn one_use_is_one_folder() {
        let far = [
            folder("Sent Items", &["\\Sent"]),
            folder("Papierkorb", &["\\Trash"]),
            folder("A", &["\\Archive"]),
            folder("B", &["\\Archive"]),
        ];
        let near = [folder("Sent", &["\\sent"]), folder("Archive", &["\\Archive"])];
        let names = Names::new(&[], true, &far, &near).expect("fits");
        assert_eq!(names.near_of("Sent Items"), "Sent");
        assert_eq!(names.far_of("Sent").as_deref(), Some("Sent Items"));
        assert_eq!(names.near_of("Papierkorb"), "Papierkorb");
        assert_eq!(names.near_of("A"), "A", "two archives are no one's");
        assert_eq!(
            Names::new(&[], false, &far, &near).expect("fits").near_of("Sent Items"),
            "Sent Items"
        );
    }

    #[test]
    fn rules_are_read() {
        assert_eq!("a=b=c".parse::<Rename>().map(|rule| rule.name), Ok("b=c".into()));
        for wrong in ["", "=x", "abc", "(=x"] {
            assert!(wrong.parse::<Rename>().is_err(), "{wrong}");
        }
    }
}
