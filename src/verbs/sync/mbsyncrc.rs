//! What mbsync's configuration says, as tables of ours.
//!
//! The grammar is that of mbsync(1) 1.4: sections begin with their keyword (`IMAPAccount`,
//! `IMAPStore`, `MaildirStore`, `Channel`, `Group`) and end at an empty line; keywords have no
//! case; words may stand in double quotes. Passwords are never copied. What has no equivalent
//! is told in a comment beside the table, so that nothing is dropped in silence. A pair never
//! changes or deletes what mbsync would have left: where there is no equal, less is carried, or
//! the pair is left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::base::location::{is_account_name, is_scheme};
use crate::ui::{Exit, Failure, Output};

mod sections;
mod ways;

use sections::{Section, sections};
use ways::{Kinds, Way, kinds, size};

/// Prints the tables for a file of mbsync's.
///
/// # Errors
/// [`Failure`] for a file that cannot be read (66), or that mbsync would not take (65), with
/// its line.
pub(super) fn print(path: &Path, out: &mut Output) -> Result<()> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::NoInput, format!("cannot read {}: {error}", path.display()))
    })?;
    let tables = translate(&text)
        .map_err(|wrong| Failure::new(Exit::Data, wrong))
        .with_context(|| path.display().to_string())?;
    for line in tables.lines() {
        out.line(line)?;
    }
    Ok(())
}

fn translate(text: &str) -> Result<String, String> {
    let sections = sections(text)?;
    let of_kind = |kind: &'static str| sections.iter().filter(move |s| s.kind == kind);
    let global = &sections[0];
    let mut out = String::from("# From mbsync's configuration.\n");
    let mut accounts = BTreeMap::new();
    // An IMAPStore may hold an account's settings itself.
    let owners = of_kind("imapaccount")
        .chain(of_kind("imapstore").filter(|store| store.word(&["account"]).is_none()));
    for section in owners {
        let name = account_name(&section.name);
        account(section, &name, &mut out);
        accounts.insert(section.name.clone(), name);
    }
    let mut stores = BTreeMap::new();
    for store in of_kind("imapstore") {
        let owner = store.word(&["account"]).unwrap_or(&store.name);
        let account = accounts
            .get(owner)
            .ok_or_else(|| format!("IMAPStore {}: no IMAPAccount {owner}", store.name))?;
        stores.insert(store.name.as_str(), Store::Imap { account: account.clone() });
    }
    for store in of_kind("maildirstore") {
        let path = store.word(&["path"]).map(|path| path.trim_end_matches('/').to_owned());
        let inbox = store.word(&["inbox"]).unwrap_or("~/Maildir").trim_end_matches('/').to_owned();
        stores.insert(store.name.as_str(), Store::Maildir { path, inbox });
    }
    let limits: BTreeMap<&str, &Section> = of_kind("maildirstore")
        .chain(of_kind("imapstore"))
        .map(|store| (store.name.as_str(), store))
        .collect();
    for channel in of_kind("channel") {
        pair(channel, global, &stores, &limits, &mut out)?;
    }
    for group in of_kind("group") {
        let members = group.settings.iter().filter(|(key, _)| key.starts_with("channel"));
        let members: Vec<&str> = members
            .flat_map(|(_, words)| words)
            .map(|word| word.split(':').next().unwrap_or(word))
            .collect();
        let _ = writeln!(out, "\n# Group {}: pillarbox sync {}", group.name, members.join(" "));
    }
    Ok(out)
}

/// A name that an account of ours can have.
fn account_name(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || ".-_@+".contains(c) { c } else { '-' })
        .collect();
    if is_account_name(&clean) && !is_scheme(&clean) { clean } else { format!("{clean}-mail") }
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A key of a table.
fn key(text: &str) -> String {
    let bare = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare && !text.is_empty() { text.to_owned() } else { quoted(text) }
}

fn account(section: &Section, name: &str, out: &mut String) {
    let mut comments: Vec<String> = Vec::new();
    let host = section.word(&["host"]).unwrap_or_default();
    // Versions before 1.2 wrote imaps:host.
    let (host, by_prefix) = match host.strip_prefix("imaps:") {
        Some(host) => (host, true),
        None => (host.strip_prefix("imap:").unwrap_or(host), false),
    };
    let kind = section.word(&["tlstype", "ssltype"]).unwrap_or_default().to_ascii_lowercase();
    let implicit = by_prefix
        || kind == "imaps"
        || section.word(&["useimaps"]).is_some_and(|word| word.eq_ignore_ascii_case("yes"));
    let _ = writeln!(out, "\n[account.{}]", key(name));
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let port = section.word(&["port"]).map(|port| format!(":{port}")).unwrap_or_default();
    let scheme = if implicit { "imaps" } else { "imap" };
    if host.is_empty() {
        comments.push("Host is missing (a Tunnel?): write `imap` yourself".to_owned());
    } else {
        let _ = writeln!(out, "imap = {}", quoted(&format!("{scheme}://{bracketed}{port}")));
    }
    if let Some(user) = section.word(&["user"]) {
        let _ = writeln!(out, "user = {}", quoted(user));
    }
    if kind == "none" {
        let _ = writeln!(out, "tls = \"none\"\nallow-cleartext-password = true");
    }
    let command = section.words(&["passcmd"]).map(|words| words.join(" "));
    match &command {
        Some(command) => {
            let command = command.strip_prefix('+').unwrap_or(command);
            let _ = writeln!(out, "password-command = {}", quoted(command));
        }
        None if section.word(&["pass"]).is_some() => comments.push(
            "Pass is not copied: put the password into ~/.netrc, or give a password-command"
                .to_owned(),
        ),
        None => {}
    }
    for (theirs, ours) in [
        ("certificatefile", "ca-file"),
        ("clientcertificate", "client-cert"),
        ("clientkey", "client-key"),
    ] {
        if let Some(file) = section.word(&[theirs]) {
            let _ = writeln!(out, "{ours} = {}", quoted(file));
        }
    }
    match section.words(&["authmechs", "authmech"]) {
        Some([one]) if one != "*" => {
            let _ = writeln!(out, "auth = {}", quoted(&one.to_ascii_uppercase()));
        }
        _ => {}
    }
    const KNOWN: &[&str] = &[
        "host",
        "port",
        "user",
        "pass",
        "passcmd",
        "tlstype",
        "ssltype",
        "useimaps",
        "account",
        "certificatefile",
        "clientcertificate",
        "clientkey",
        "authmechs",
        "authmech",
        // What needs no setting here: found out, or always so.
        "pipelinedepth",
        "systemcertificates",
        "usenamespace",
        "pathdelimiter",
        "requiressl",
        "path",
        "mapinbox",
        "subscribedonly",
        "timeout",
    ];
    comments.extend(unknown(section, KNOWN));
    comment(&comments, out);
}

/// A store of mbsync's.
enum Store {
    Imap { account: String },
    Maildir { path: Option<String>, inbox: String },
}

impl Store {
    /// The location of a mailbox in it, or of all of it where patterns choose.
    fn location(&self, mailbox: &str, has_patterns: bool) -> String {
        match (self, mailbox, has_patterns) {
            (Self::Imap { account }, "", true) => format!("{account}:"),
            (Self::Imap { account }, "", false) => format!("{account}:INBOX"),
            (Self::Imap { account }, mailbox, _) => format!("{account}:{mailbox}"),
            (Self::Maildir { path, inbox }, "", true) => {
                format!("maildir:{}", path.as_ref().unwrap_or(inbox))
            }
            (Self::Maildir { inbox, .. }, "" | "INBOX", false) => format!("maildir:{inbox}"),
            (Self::Maildir { path, inbox }, mailbox, _) => {
                format!("maildir:{}/{mailbox}", path.as_ref().unwrap_or(inbox))
            }
        }
    }
}

fn pair(
    channel: &Section,
    global: &Section,
    stores: &BTreeMap<&str, Store>,
    limits: &BTreeMap<&str, &Section>,
    out: &mut String,
) -> Result<(), String> {
    let setting = |keys: &[&str]| channel.words(keys).or_else(|| global.words(keys));
    let patterns: Vec<&String> = channel
        .settings
        .iter()
        .filter(|(key, _)| key == "pattern" || key == "patterns")
        .flat_map(|(_, words)| words)
        .collect();
    let mut comments: Vec<String> = Vec::new();
    let mut side = |keys: &[&str]| -> Result<String, String> {
        let lacking = || format!("Channel {}: {} is missing", channel.name, keys[0]);
        let word = channel.word(keys).ok_or_else(lacking)?;
        let place = word.strip_prefix(':').and_then(|word| word.split_once(':'));
        let (store, mailbox) = place
            .ok_or_else(|| format!("Channel {}: {word} is not :STORE:MAILBOX", channel.name))?;
        let found = stores
            .get(store)
            .ok_or_else(|| format!("Channel {}: no store {store}", channel.name))?;
        if let Store::Maildir { path: Some(path), inbox } = found
            && !patterns.is_empty()
            && !inbox.starts_with(path.as_str())
        {
            comments
                .push(format!("the INBOX of {store} lay apart, in {inbox}: move it into {path}"));
        }
        Ok(found.location(mailbox, !patterns.is_empty()))
    };
    let (mut far, mut near) = (side(&["far", "master"])?, side(&["near", "slave"])?);
    let words = setting(&["sync"]).unwrap_or_default();
    let kinds = match words {
        [] => (Kinds::ALL, Kinds::ALL),
        words => kinds(words).map_err(|wrong| format!("Channel {}: {wrong}", channel.name))?,
    };
    let way = Way::of(kinds);
    if way == Way::Nothing {
        let lacking = format!(
            "Channel {} is left out: there is no equal of Sync {}",
            channel.name,
            words.join(" ")
        );
        out.push('\n');
        comment(&[lacking], out);
        return Ok(());
    }
    if !way.is_all(kinds) {
        comments.push(format!("Sync {}: less is carried here", words.join(" ")));
    }
    if way == Way::CopyBack {
        comments.push("far and near are exchanged, as --copy adds to near".to_owned());
        std::mem::swap(&mut far, &mut near);
    }
    let mut options: Vec<String> = Vec::new();
    let mut push = |name: &str, value: &str| {
        options.push(name.to_owned());
        options.push(value.to_owned());
    };
    let chooses = patterns.iter().any(|p| !p.starts_with('!') && p.as_str() != "*");
    for pattern in &patterns {
        match pattern.strip_prefix('!') {
            Some(excluded) => push("--exclude", excluded),
            None if chooses => push("--folder", pattern),
            None => {}
        }
    }
    match way {
        Way::Both | Way::Nothing => {}
        Way::Pull => options.push("--pull".to_owned()),
        Way::Push => options.push("--push".to_owned()),
        Way::Copy | Way::CopyBack => options.push("--copy".to_owned()),
    }
    let store = |keys: &[&str]| {
        let name = channel.word(keys)?.strip_prefix(':')?.split(':').next()?;
        limits.get(name)?.word(&["maxsize"])
    };
    let largest = setting(&["maxsize"]).and_then(|words| words.first()).map(String::as_str);
    let largest =
        largest.or_else(|| store(&["near", "slave"])).or_else(|| store(&["far", "master"]));
    if let Some(largest) = largest.and_then(size) {
        options.extend(["--max-size".to_owned(), largest]);
    }
    // Where mbsync leaves what is gone on the other side, nothing is lost here either.
    let covers = |key: &str| {
        let word = setting(&[key]).and_then(|words| words.first());
        let word = word.map_or_else(|| "none".to_owned(), |word| word.to_ascii_lowercase());
        match word.as_str() {
            "both" | "yes" => (true, true),
            "far" | "master" => (true, false),
            "near" | "slave" => (false, true),
            _ => (false, false),
        }
    };
    let (expunges, removes, deletes) = (covers("expunge"), covers("remove"), way.deletes());
    let keeps = |covered: (bool, bool)| (deletes.0 && !covered.0) || (deletes.1 && !covered.1);
    let has_trash = keeps(expunges) || keeps(removes);
    let most = setting(&["maxmessages"]).and_then(|words| words.first());
    if let Some(most) = most.filter(|most| most.parse::<u64>().is_ok_and(|most| most > 0)) {
        if matches!(way, Way::Both | Way::Pull) && !has_trash {
            options.extend(["--keep-last".to_owned(), most.clone()]);
        } else {
            comments.push(format!(
                "maxmessages {most}: all are kept, as --keep-last goes neither with --copy and \
                 --push nor with --trash"
            ));
        }
    }
    if has_trash {
        options.extend(["--trash".to_owned(), "Trash".to_owned()]);
        let what = match (keeps(expunges), keeps(removes)) {
            (true, true) => "Expunge and Remove",
            (true, false) => "Expunge",
            _ => "Remove",
        };
        comments.push(format!(
            "{what} left what is gone on one side on the other; here it goes to Trash there: take \
             --trash away to delete it for good"
        ));
    }
    const KNOWN: &[&str] = &[
        "far",
        "master",
        "near",
        "slave",
        "pattern",
        "patterns",
        "sync",
        "expunge",
        "create",
        "maxsize",
        "maxmessages",
        // Always so here, or a matter of the state that is our own.
        "copyarrivaldate",
        "syncstate",
        "remove",
    ];
    comments.extend(unknown(channel, KNOWN));
    let _ = writeln!(out, "\n[sync.{}]", key(&channel.name));
    let _ = writeln!(out, "far = {}\nnear = {}", quoted(&far), quoted(&near));
    if !options.is_empty() {
        let words: Vec<String> = options.iter().map(|word| quoted(word)).collect();
        let _ = writeln!(out, "options = [{}]", words.join(", "));
    }
    comment(&comments, out);
    Ok(())
}

/// A comment for each setting that is not among those that are understood.
fn unknown(section: &Section, known: &[&str]) -> Vec<String> {
    let others = section.settings.iter().filter(|(key, _)| !known.contains(&key.as_str()));
    others.map(|(key, words)| format!("{key} {}: no equivalent", words.join(" "))).collect()
}

fn comment(comments: &[String], out: &mut String) {
    for comment in comments {
        let clean: String = comment.chars().filter(|c| !c.is_control()).collect();
        let _ = writeln!(out, "# {clean}");
    }
}

#[cfg(test)]
mod tests;
