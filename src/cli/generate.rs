//! Man pages and completions, made from the same definitions that parse the command line.

use std::io::Write as _;

use clap::CommandFactory as _;

use super::{Cli, pages};
use crate::ui::{Exit, Failure};

/// The shells that completions are made for.
pub const SHELLS: [clap_complete::Shell; 5] = [
    clap_complete::Shell::Bash,
    clap_complete::Shell::Zsh,
    clap_complete::Shell::Fish,
    clap_complete::Shell::PowerShell,
    clap_complete::Shell::Elvish,
];

/// The completions of a shell, as text.
pub fn completions_of(shell: clap_complete::Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pillarbox", &mut text);
    text
}

/// The name of the file that a shell's completions stand in.
pub fn completions_file(shell: clap_complete::Shell) -> &'static str {
    match shell {
        clap_complete::Shell::Bash => "pillarbox.bash",
        clap_complete::Shell::Zsh => "_pillarbox",
        clap_complete::Shell::Fish => "pillarbox.fish",
        clap_complete::Shell::PowerShell => "_pillarbox.ps1",
        _ => "pillarbox.elv",
    }
}

/// Prints a shell's completions.
///
/// # Errors
/// When stdout cannot be written.
pub fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    std::io::stdout().write_all(&completions_of(shell)).map_err(crate::ui::output::Error::from)?;
    Ok(Exit::Ok)
}

/// Every manual page: file name and roff text. One for the program, one for each verb and each
/// noun, one for each thing that a verb has below it, and those that `pages` has for formats and
/// languages.
///
/// # Errors
/// When a page cannot be rendered: our bug.
pub fn man_pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = Cli::command();
    command.build();
    let mut all = vec![("pillarbox.1".to_owned(), main_page(&command)?)];
    for verb in command.get_subcommands() {
        let name = format!("pillarbox-{}", verb.get_name());
        if verb.is_subcommand_required_set() {
            let noun = verb.clone().name(name.clone()).display_name(name.clone());
            all.push((format!("{name}.1"), noun_page(noun)?));
            continue;
        }
        all.push(page_of(verb, &name)?);
        for part in verb.get_subcommands() {
            all.push(page_of(part, &format!("{name}-{}", part.get_name()))?);
        }
    }
    for page in pages::ALL {
        all.push((page.file_name(), page.roff()));
    }
    Ok(all)
}

fn page_of(command: &clap::Command, name: &str) -> std::io::Result<(String, Vec<u8>)> {
    let command = command.clone().name(name.to_owned()).display_name(name.to_owned());
    let mut page = Vec::new();
    clap_mangen::Man::new(command).source(SOURCE).manual(MANUAL).render(&mut page)?;
    Ok((format!("{name}.1"), page))
}

/// The page of the program itself: its verbs, and what is common to all of them.
fn main_page(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let man = clap_mangen::Man::new(command.clone()).source(SOURCE).manual(MANUAL);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    page.extend_from_slice(&pages::common());
    Ok(page)
}

/// The page of a noun: a section for each of its actions, and what all of them share once.
fn noun_page(noun: clap::Command) -> std::io::Result<Vec<u8>> {
    let man = clap_mangen::Man::new(noun.clone()).source(SOURCE).manual(MANUAL);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    for action in noun.get_subcommands() {
        let title = format!("{} {}", noun.get_name().replace('-', " "), action.get_name());
        page.extend_from_slice(format!(".SH \"{}\"\n", title.to_uppercase()).as_bytes());
        let own = clap_mangen::Man::new(only(action, false));
        let description = rendered(|page| own.render_description_section(page))?;
        if let Some((_, text)) = section(&description).and_then(|text| text.split_once('\n')) {
            page.extend_from_slice(text.as_bytes());
        }
        for part in [
            rendered(|page| own.render_synopsis_section(page))?,
            rendered(|page| own.render_options_section(page))?,
        ] {
            if let Some(text) = section(&part) {
                page.extend_from_slice(format!(".SS {text}").as_bytes());
            }
        }
    }
    if let Some(action) = noun.get_subcommands().next() {
        clap_mangen::Man::new(only(action, true)).render_options_section(&mut page)?;
    }
    if noun.get_after_long_help().or_else(|| noun.get_after_help()).is_some() {
        man.render_extra_section(&mut page)?;
    }
    Ok(page)
}

/// The action with only the options that all actions share (those below a heading of their
/// own), or with only the others.
fn only(action: &clap::Command, shared: bool) -> clap::Command {
    action.clone().mut_args(|arg| {
        let is_shared = arg.get_help_heading().is_some();
        if is_shared == shared { arg } else { arg.hide(true) }
    })
}

/// The title and the text of a section that was rendered alone, without what comes before.
fn section(rendered: &str) -> Option<&str> {
    rendered.split_once("\n.SH ").map(|(_, text)| text)
}

fn rendered(render: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> std::io::Result<String> {
    let mut page = Vec::new();
    render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

const SOURCE: &str = concat!("pillarbox ", env!("CARGO_PKG_VERSION"));
const MANUAL: &str = "Pillarbox Manual";

/// Prints a page as roff, for `man -l -` and for packagers.
///
/// # Errors
/// An unknown page (64), or stdout that cannot be written.
pub fn man_page(name: &str) -> anyhow::Result<Exit> {
    let pages = man_pages()?;
    let found = pages.iter().find(|(file, _)| {
        let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
        stem == name || stem.strip_prefix("pillarbox-") == Some(name)
    });
    let Some((_, text)) = found else {
        let known: Vec<&str> = pages
            .iter()
            .filter_map(|(file, _)| file.rsplit_once('.').map(|(stem, _)| stem))
            .collect();
        return Err(Failure::usage(format!("no manual page {name:?}"))
            .hint(format!("there are {}", known.join(", ")))
            .into());
    };
    std::io::stdout().write_all(text).map_err(crate::ui::output::Error::from)?;
    Ok(Exit::Ok)
}
