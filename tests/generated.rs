//! The manual pages of `man/` and the completions of `completions/` are what the command line
//! makes: they are committed for packagers, and must not go stale.
//!
//! After a change of the command line: `UPDATE=1 cargo test --test generated` writes them anew.

use std::collections::BTreeMap;
use std::path::Path;

use pillarbox::cli::generate;

/// File names and what the files have to hold.
type Files = BTreeMap<String, Vec<u8>>;

#[test]
fn man_pages_are_current() {
    let pages = generate::man_pages().expect("our own pages can be rendered");
    check("man", &pages.into_iter().collect());
}

#[test]
fn completions_are_current() {
    let all = generate::SHELLS
        .iter()
        .map(|shell| {
            (generate::completions_file(*shell).to_owned(), generate::completions_of(*shell))
        })
        .collect();
    check("completions", &all);
}

/// Every verb has a page of its own, and every page a name, a synopsis or a description.
#[test]
fn every_verb_has_a_page() {
    use clap::CommandFactory as _;
    let pages: Files =
        generate::man_pages().expect("our own pages can be rendered").into_iter().collect();
    for verb in pillarbox::cli::Cli::command().get_subcommands() {
        let name = format!("pillarbox-{}.1", verb.get_name());
        assert!(pages.contains_key(&name), "no page {name}");
    }
    for name in [
        "pillarbox.1",
        "pillarbox-config.5",
        "pillarbox-cookbook.7",
        "pillarbox-location.7",
        "pillarbox-query.7",
    ] {
        assert!(pages.contains_key(name), "no page {name}");
    }
    for (name, page) in &pages {
        let page = String::from_utf8_lossy(page);
        assert!(page.contains("\n.SH NAME"), "{name} has no NAME");
        assert!(page.contains("\n.SH DESCRIPTION"), "{name} has no DESCRIPTION");
        let described = page.split("\n.SH DESCRIPTION").nth(1).unwrap_or_default();
        let text = described.split("\n.SH ").next().unwrap_or_default();
        assert!(!text.trim().is_empty(), "the DESCRIPTION of {name} is empty");
    }
}

/// The text of the pages is text: no page depends on where or how it was made.
#[test]
fn pages_do_not_depend_on_this_machine() {
    for (name, page) in generate::man_pages().expect("our own pages can be rendered") {
        let page = String::from_utf8(page).unwrap_or_else(|_| panic!("{name} is not UTF-8"));
        let home = std::env::var("HOME").unwrap_or_default();
        for local in [env!("CARGO_MANIFEST_DIR").to_owned(), format!("{home}/")] {
            // A home of `/` is part of every path.
            assert!(local.len() < 4 || !page.contains(&local), "{name} holds {local}");
        }
    }
}

fn check(folder: &str, wanted: &Files) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        return write(&root, wanted);
    }
    let mut stale = Vec::new();
    for (name, content) in wanted {
        match std::fs::read(root.join(name)) {
            Ok(found) if found == *content => {}
            Ok(found) => stale.push(format!("{name}: {}", first_difference(&found, content))),
            Err(error) => stale.push(format!("{name}: {error}")),
        }
    }
    for name in names(&root).into_iter().filter(|name| !wanted.contains_key(name)) {
        stale.push(format!("{name}: nothing makes this file any more"));
    }
    assert!(
        stale.is_empty(),
        "{folder}/ is stale (UPDATE=1 cargo test --test generated):\n  {}",
        stale.join("\n  ")
    );
}

fn write(root: &Path, wanted: &Files) {
    std::fs::create_dir_all(root).expect("the folder can be created");
    for (name, content) in wanted {
        std::fs::write(root.join(name), content).expect("the file can be written");
    }
    for name in names(root).into_iter().filter(|name| !wanted.contains_key(name)) {
        std::fs::remove_file(root.join(name)).expect("a stale file can be removed");
    }
}

/// The names of all files in a folder; none where it does not exist.
fn names(root: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn first_difference(found: &[u8], wanted: &[u8]) -> String {
    let (found, wanted) = (String::from_utf8_lossy(found), String::from_utf8_lossy(wanted));
    let (mut left, mut right) = (found.lines(), wanted.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (left.next(), right.next()) {
            (Some(a), Some(b)) if a == b => {}
            (None, None) => return "differs in line ends alone".to_owned(),
            (a, b) => {
                let (a, b) = (a.unwrap_or("(its end)"), b.unwrap_or("(its end)"));
                return format!("line {number} is\n      {a}\n    and should be\n      {b}");
            }
        }
    }
}
