//! Many accounts in one process: a list of pairs from a file, several of them at work at a
//! time, a line of result for each, and a later run that leaves out what is done.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value};

use super::args::{Args, What};
use super::diff::Both;
use super::pair::Pair;
use super::pass::{self, Done};
use super::places;
use crate::base::location::Location;
use crate::open::{self, Context, EndpointOptions};
use crate::ui::{Exit, Failure, Format, Output, report};

/// Accounts that are at work at a time, unless told otherwise.
pub const JOBS: usize = 16;

/// One account of the list.
#[derive(Debug)]
struct Account {
    name: String,
    places: Both<Location>,
    what: What,
}

/// What became of one account.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    r#type: &'static str,
    name: &'a str,
    exit: u8,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    done: Option<Done>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    seconds: f64,
}

/// Synchronises the accounts of a list.
///
/// # Errors
/// A [`Failure`]: 66 for a list that cannot be read, 65 for one with a mistake, before anything
/// is begun; the output's. What goes wrong with one account is its result.
pub async fn run(list: &Path, args: &Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let mut accounts = read(list, &args.what)?;
    if let Some(shard) = args.shard {
        accounts.retain(|account| shard.has(&account.name));
    }
    let mut results = match &args.results {
        Some(path) => {
            let done = done_before(path)?;
            accounts.retain(|account| !done.contains(&account.name));
            Some(open_results(path)?)
        }
        None => None,
    };
    let most = args.jobs.unwrap_or(JOBS);
    let mut waiting = accounts.iter();
    let mut working: Vec<Work<'_>> = Vec::new();
    let mut worst = Exit::Ok;
    loop {
        while working.len() < most {
            let Some(account) = waiting.next() else { break };
            let format = out.format();
            working.push(Box::pin(async move { one(account, format, context).await }));
        }
        if working.is_empty() {
            return Ok(worst);
        }
        let (at, (account, lines, outcome, exit)) = first_of(&mut working).await;
        drop(working.swap_remove(at));
        print(account, &lines, &outcome, context, out)?;
        if let Some(results) = &mut results {
            // In one write, so that a run that is killed leaves whole lines.
            let mut line = serde_json::to_vec(&outcome)?;
            line.push(b'\n');
            results.write_all(&line).and_then(|()| results.sync_data())?;
        }
        if worst == Exit::Ok {
            worst = exit;
        }
    }
}

/// An account, what its run printed, and what became of it.
type Finished<'a> = (&'a Account, Vec<u8>, Outcome<'a>, Exit);
type Work<'a> = Pin<Box<dyn Future<Output = Finished<'a>> + 'a>>;

/// The first that is finished, and its place.
async fn first_of<'a>(working: &mut [Work<'a>]) -> (usize, Finished<'a>) {
    std::future::poll_fn(|task| {
        for (at, work) in working.iter_mut().enumerate() {
            if let Poll::Ready(finished) = work.as_mut().poll(task) {
                return Poll::Ready((at, finished));
            }
        }
        Poll::Pending
    })
    .await
}

/// Synchronises one account.
async fn one<'a>(account: &'a Account, format: Format, context: &Context) -> Finished<'a> {
    let begun = Instant::now();
    let lines = Lines::default();
    let mut out = Output::to(Box::new(lines.clone()), format, false);
    let done = async {
        let places = Both { far: account.places.far.clone(), near: account.places.near.clone() };
        let mut ready = places::ready(places, &account.what, context).await?;
        // Bars of many accounts at once say nothing.
        ready.job.progress = crate::ui::progress::Show::None;
        ready.job.quiet = true;
        let mut pair = Pair::new(ready.stores);
        let more = Some(&ready.more);
        let done = pass::over(&mut pair, &mut ready.state, &ready.job, more, &mut out).await?;
        pair.finish().await?;
        out.flush()?;
        anyhow::Ok(done)
    }
    .await;
    let (exit, done, error) = match done {
        Ok(done) => match done.exit() {
            Ok(exit) => (exit, Some(done), None),
            Err(failure) => (failure.exit, Some(done), Some(failure.to_string())),
        },
        Err(error) => {
            let busy = open::busy(&error).is_some();
            let verdict = open::verdict(&error);
            let exit = if busy { Exit::Throttled } else { verdict.exit };
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            let mut text = report::joined(&causes);
            if let Some(hint) = verdict.hint {
                text.push_str("; hint: ");
                text.push_str(&hint);
            }
            (exit, None, Some(context.redacted(&text)))
        }
    };
    let seconds = (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let outcome =
        Outcome { r#type: "account", name: &account.name, exit: exit.code(), done, error, seconds };
    (account, lines.take(), outcome, exit)
}

/// What one account prints, until it is its turn.
#[derive(Clone, Default)]
struct Lines(Rc<RefCell<Vec<u8>>>);

impl Lines {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

impl Write for Lines {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints what one account has to say, with its name, and its result.
fn print(
    account: &Account,
    lines: &[u8],
    outcome: &Outcome<'_>,
    context: &Context,
    out: &mut Output,
) -> Result<()> {
    let name = &account.name;
    for line in lines.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
        match out.format() {
            Format::Json => {
                let mut object: Map<String, Value> = serde_json::from_slice(line)?;
                object.insert("account".to_owned(), Value::String(name.clone()));
                out.json(&object)?;
            }
            Format::Human | Format::Lines => {
                out.line(&format!("{name}: {}", String::from_utf8_lossy(line)))?;
            }
        }
    }
    match (out.format(), &outcome.done, &outcome.error) {
        (Format::Json, ..) => out.json(outcome)?,
        (_, Some(done), None) if !account.what.dry_run => {
            out.line(&format!("{name}: far: {}; near: {}", done.far, done.near))?;
        }
        _ => {}
    }
    if let Some(error) = outcome.error.as_ref().filter(|_| out.format() != Format::Json) {
        report::error(&[name.clone(), error.clone()], None);
    }
    if !context.quiet || out.format() == Format::Json {
        out.flush()?;
    }
    Ok(())
}

/// The accounts that an earlier run has finished well.
fn done_before(path: &Path) -> Result<BTreeSet<String>, Failure> {
    let mut done = BTreeSet::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(done),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(done),
            Ok(_) => {}
            Err(error) => return Err(unreadable(path, &error)),
        }
        // The last line of a run that was killed may be none.
        let Ok(value) = serde_json::from_slice::<Value>(&line) else { continue };
        let name = value.get("name").and_then(Value::as_str);
        if let (Some(name), Some(exit)) = (name, value.get("exit").and_then(Value::as_u64)) {
            if exit == u64::from(Exit::Ok.code()) {
                done.insert(name.to_owned());
            } else {
                done.remove(name);
            }
        }
    }
}

/// Opens the results to add to them; half a line at their end gets a line of its own.
fn open_results(path: &Path) -> Result<File, Failure> {
    let wrong = |error: io::Error| {
        Failure::new(Exit::CantCreate, format!("cannot write {}: {error}", path.display()))
    };
    let is_half = match std::fs::read(path) {
        Ok(octets) => octets.last().is_some_and(|last| *last != b'\n'),
        Err(_) => false,
    };
    let options = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let mut file = options.map_err(wrong)?;
    if is_half {
        file.write_all(b"\n").map_err(wrong)?;
    }
    Ok(file)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::NoInput, format!("cannot read {}: {error}", path.display()))
}

/// Reads the list: CSV with a line of names, or JSON Lines. All of it is understood before
/// anything is begun.
fn read(path: &Path, given: &What) -> Result<Vec<Account>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let wrong = |number: usize, text: String| {
        Failure::new(Exit::Data, format!("{}: line {number}: {text}", path.display()))
    };
    let rows = if text.trim_start().starts_with('{') { json_rows(text) } else { csv_rows(text) };
    let rows = rows.map_err(|(number, text)| wrong(number, text))?;
    let mut names = BTreeSet::new();
    let mut accounts = Vec::with_capacity(rows.len());
    for (number, row) in rows {
        let account = account(row, given).map_err(|text| wrong(number, text))?;
        if !names.insert(account.name.clone()) {
            return Err(wrong(number, format!("there is a {} already", account.name)));
        }
        accounts.push(account);
    }
    Ok(accounts)
}

/// The fields of a row by their names; several values where JSON has an array.
type Row = BTreeMap<String, Vec<String>>;
type Rows = Result<Vec<(usize, Row)>, (usize, String)>;

fn json_rows(text: &str) -> Rows {
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = at + 1;
        let object: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| (number, format!("it is no object of JSON: {error}")))?;
        let mut row = Row::new();
        for (key, value) in object {
            let values = match value {
                Value::Array(list) => list,
                one => vec![one],
            };
            let text = |value: Value| match value {
                Value::String(text) => Ok(text),
                Value::Number(number) => Ok(number.to_string()),
                Value::Bool(is) => Ok(is.to_string()),
                Value::Null => Ok(String::new()),
                _ => Err((number, format!("{key}: want text, a number, true or false"))),
            };
            let values: Result<Vec<String>, _> = values.into_iter().map(text).collect();
            row.insert(key.clone(), values?);
        }
        rows.push((number, row));
    }
    Ok(rows)
}

fn csv_rows(text: &str) -> Rows {
    let mut records = csv(text)?.into_iter();
    let Some((_, names)) = records.next() else { return Err((1, "it is empty".to_owned())) };
    let names: Vec<String> = names.into_iter().map(|name| name.trim().to_owned()).collect();
    let mut rows = Vec::new();
    for (number, fields) in records {
        if fields.len() != names.len() {
            let text = format!("{} fields, and the first line has {}", fields.len(), names.len());
            return Err((number, text));
        }
        let mut row = Row::new();
        for (name, field) in names.iter().zip(fields) {
            row.entry(name.clone()).or_default().push(field);
        }
        rows.push((number, row));
    }
    Ok(rows)
}

/// A record of CSV, with the line that it begins in.
type Record = (usize, Vec<String>);

/// Records of CSV (RFC 4180) with the line that each begins in; empty lines are none.
fn csv(text: &str) -> Result<Vec<Record>, (usize, String)> {
    let mut records = Vec::new();
    let mut record: Vec<String> = Vec::new();
    let mut field = String::new();
    let mut is_quoted = false;
    let (mut line, mut begun) = (1, 1);
    let mut chars = text.chars().peekable();
    loop {
        let next = chars.next();
        match next {
            Some('"') if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            Some('"') if is_quoted => {
                is_quoted = false;
                if !matches!(chars.peek(), None | Some(',' | '\r' | '\n')) {
                    return Err((line, "there is text behind a quotation mark".to_owned()));
                }
            }
            Some('"') if field.is_empty() => is_quoted = true,
            Some('"') => {
                return Err((line, "a quotation mark stands inside a field".to_owned()));
            }
            Some(c) if is_quoted => {
                line += usize::from(c == '\n');
                field.push(c);
            }
            None if is_quoted => return Err((begun, "a quotation does not end".to_owned())),
            Some(',') => record.push(std::mem::take(&mut field)),
            Some('\r') if chars.peek() == Some(&'\n') => {}
            Some('\n') | None => {
                record.push(std::mem::take(&mut field));
                let record = std::mem::take(&mut record);
                if record.len() > 1 || !record[0].trim().is_empty() {
                    records.push((begun, record));
                }
                if next.is_none() {
                    return Ok(records);
                }
                line += 1;
                begun = line;
            }
            Some(c) => field.push(c),
        }
    }
}

/// What a row says: two places, a name, and options by their names.
fn account(mut row: Row, given: &What) -> Result<Account, String> {
    let mut take = |key: &str| -> Result<String, String> {
        match row.remove(key).as_deref() {
            Some([one]) if !one.is_empty() => Ok(one.clone()),
            Some([_, _, ..]) => Err(format!("{key} stands twice")),
            _ => Err(format!("there is no {key}")),
        }
    };
    let (far, near) = (take("far")?, take("near")?);
    let name = take("name").unwrap_or_else(|_| far.clone());
    let place = |text: &str| Location::parse(text).map_err(|error| format!("{text}: {error}"));
    let places = Both { far: place(&far)?, near: place(&near)? };
    let mut words = Vec::new();
    for (key, values) in row {
        for value in values {
            match value.as_str() {
                "" | "false" => {}
                "true" => words.push(format!("--{key}")),
                value => words.push(format!("--{key}={value}")),
            }
        }
    }
    let own = What::of_words(&words)?;
    let servers = [
        (own.server.options.clone(), &given.server.options),
        (own.far_server.options.clone(), &given.far_server.options),
        (own.near_server.options.clone(), &given.near_server.options),
    ];
    let [server, far_server, near_server] = servers.map(|(own, all)| inherited(own, all));
    let mut all = given.clone();
    for options in
        [&mut all.server.options, &mut all.far_server.options, &mut all.near_server.options]
    {
        *options = EndpointOptions::default();
    }
    let mut what = own.under(&all).map_err(str::to_owned)?;
    what.server.options = server;
    what.far_server.options = far_server;
    what.near_server.options = near_server;
    Ok(Account { name, places, what })
}

/// An account's options of a server, with those of the command line where it has none.
fn inherited(own: EndpointOptions, all: &EndpointOptions) -> EndpointOptions {
    let all = all.clone();
    EndpointOptions {
        user: own.user.or(all.user),
        auth: own.auth.or(all.auth),
        authorize_as: own.authorize_as.or(all.authorize_as),
        admin: own.admin.or(all.admin),
        token_command: own.token_command.or(all.token_command),
        password_command: own.password_command.or(all.password_command),
        password_fd: own.password_fd.or(all.password_fd),
        tls: own.tls.or(all.tls),
        tls_min: own.tls_min.or(all.tls_min),
        tls_backend: own.tls_backend.or(all.tls_backend),
        ca_file: own.ca_file.or(all.ca_file),
        client_cert: own.client_cert.or(all.client_cert),
        client_key: own.client_key.or(all.client_key),
        pins: if own.pins.is_empty() { all.pins } else { own.pins },
        insecure: own.insecure || all.insecure,
        allow_cleartext_password: own.allow_cleartext_password || all.allow_cleartext_password,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> What {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        What::of_words(&words).expect("right")
    }

    fn accounts(text: &str) -> Result<Vec<Account>, String> {
        let dir = crate::state::testing::Dir::new();
        let path = dir.path().join("list");
        std::fs::write(&path, text).expect("written");
        read(&path, &given(&["--far-ca-file=/ca", "--exclude=Junk"])).map_err(|it| it.to_string())
    }

    #[test]
    fn csv_is_read() {
        let text = "name,far,near,far-user,exclude,pull,exclude\r\n\
                    ann,imaps://old/,\"maildir:/srv/a,b\",\"ann \"\"x\"\"\",Spam,true,\r\n\
                    \r\n\
                    bob,imaps://old/,maildir:/srv/bob,bob,,,Old";
        let found = accounts(text).expect("right");
        assert_eq!(found.len(), 2);
        let ann = &found[0];
        assert_eq!(ann.places.near.to_string(), "maildir:/srv/a,b");
        assert_eq!(ann.what.far_server.options.user.as_deref(), Some("ann \"x\""));
        let ca = ann.what.far_server.options.ca_file.as_deref();
        assert_eq!(ca, Some(Path::new("/ca")));
        assert_eq!(ann.what.exclude, ["Spam", "Junk"]);
        assert!(ann.what.way.pull && !found[1].what.way.pull);
        assert_eq!(found[1].what.exclude, ["Old", "Junk"]);
    }

    #[test]
    fn json_lines_are_read() {
        let text = r#"{"far":"imaps://ann@old/","near":"maildir:/srv/ann","exclude":["A","B"]}

{"name":"bob","far":"imaps://bob@old/","near":"maildir:/srv/bob","max-delete":3,"pull":true}"#;
        let found = accounts(text).expect("right");
        assert_eq!(found[0].name, "imaps://ann@old/");
        assert_eq!(found[0].what.exclude, ["A", "B", "Junk"]);
        assert!(found[1].what.max_delete.is_some() && found[1].what.way.pull);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, says) in [
            ("", "line 1: it is empty"),
            ("name,far,near\na,imaps://x/", "line 2: 2 fields, and the first line has 3"),
            ("name,far\na,imaps://x/", "line 2: there is no near"),
            ("far,near,colour\nimaps://x/,maildir:/a,red", "line 2: unexpected argument"),
            ("far,near\nimaps://x/,maildir:/a\nimaps://x/,maildir:/b", "line 3: there is a"),
            ("far,near\n\"imaps://x/,maildir:/a", "line 2: a quotation does not end"),
            ("far,near\na\"b,c", "line 2: a quotation mark stands inside"),
            ("far,near\n\"a\"b,c", "line 2: there is text behind"),
            ("{\"far\":\"imaps://x/\"", "line 1: it is no object"),
            ("{\"far\":{},\"near\":\"a:\"}", "line 1: far: want text"),
        ] {
            let error = accounts(text).err().unwrap_or_default();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_is_done_is_left_out() {
        let dir = crate::state::testing::Dir::new();
        let path = dir.path().join("results.jsonl");
        assert_eq!(done_before(&path).expect("nothing yet").len(), 0);
        let lines = "{\"name\":\"a\",\"exit\":0}\n{\"name\":\"b\",\"exit\":75}\n\
                     {\"name\":\"c\",\"exit\":0}\n{\"name\":\"c\",\"exit\":69}\n{\"name\":\"d\",\"ex";
        std::fs::write(&path, lines).expect("written");
        let done = done_before(&path).expect("read");
        assert_eq!(done.into_iter().collect::<Vec<_>>(), ["a"]);
        let mut file = open_results(&path).expect("opened");
        file.write_all(b"{\"name\":\"d\",\"exit\":0}\n").expect("added");
        assert!(done_before(&path).expect("read").contains("d"));
    }
}
