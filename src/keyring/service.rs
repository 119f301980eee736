//! The Secret Service by `secret-tool`: secrets go through pipes, never through arguments.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::base::secret::Secret;

/// How long unlocking may take: a person may have to type.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(2);

/// Largest secret in octets: what a pipe holds while nobody reads it.
const SECRET_OCTETS: usize = 60 * 1024;

/// How much of its words goes into an error, in characters.
const WORDS: usize = 200;

/// The program, where it is there and a session bus is.
pub(super) fn find() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let has_bus = set("DBUS_SESSION_BUS_ADDRESS").is_some()
        || set("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).join("bus").exists());
    if !has_bus {
        return None;
    }
    let path = set("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("secret-tool"))
        .find(|candidate| candidate.is_file())
}

/// The secret of an item; `None`: there is no such item.
///
/// # Errors
/// What the program says: no service, a locked keyring.
pub(super) fn lookup(
    program: &Path,
    attributes: &[(&str, &str)],
) -> Result<Option<Secret>, String> {
    let (is_success, output, errors) = run(program, &["lookup"], attributes, None)?;
    match (is_success, errors.is_empty()) {
        (true, _) => Ok(Some(Secret::new(output.as_slice()))),
        // It says nothing at all where there is nothing.
        (false, true) => Ok(None),
        (false, false) => Err(errors),
    }
}

/// Stores a secret in place of the one with these attributes.
///
/// # Errors
/// As [`lookup`].
pub(super) fn store(
    program: &Path,
    label: &str,
    attributes: &[(&str, &str)],
    secret: &Secret,
) -> Result<(), String> {
    let label = format!("--label={label}");
    let (is_success, _, errors) = run(program, &["store", &label], attributes, Some(secret))?;
    if is_success { Ok(()) } else { Err(errors) }
}

/// Deletes what has these attributes.
///
/// # Errors
/// As [`lookup`].
pub(super) fn clear(program: &Path, attributes: &[(&str, &str)]) -> Result<(), String> {
    let (is_success, _, errors) = run(program, &["clear"], attributes, None)?;
    if is_success { Ok(()) } else { Err(errors) }
}

/// Whether it succeeded, what it printed, and what it said.
type Ended = (bool, Zeroizing<Vec<u8>>, String);

fn run(
    program: &Path,
    words: &[&str],
    attributes: &[(&str, &str)],
    input: Option<&Secret>,
) -> Result<Ended, String> {
    // It has no way to tell such a value from an option.
    if attributes.iter().any(|(_, value)| value.starts_with('-') || value.contains('\0')) {
        return Err("a name that begins with - cannot be looked for".to_owned());
    }
    if input.is_some_and(|secret| secret.expose().len() > SECRET_OCTETS) {
        return Err(format!("a secret of more than {SECRET_OCTETS} octets"));
    }
    let mut command = Command::new(program);
    command.args(words).args(attributes.iter().flat_map(|(name, value)| [*name, *value]));
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PILLARBOX_") {
            command.env_remove(name);
        }
    }
    // Its words are to be told from "not found" whatever the language.
    command.env("LC_ALL", "C");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let words = |error: std::io::Error| format!("secret-tool: {error}");
    let mut child = command.spawn().map_err(words)?;
    if let (Some(mut stdin), Some(secret)) = (child.stdin.take(), input) {
        // One that ends without reading says why.
        let _ = stdin.write_all(secret.expose());
    }
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(words)? {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            // It is waited for below; that it has just ended is as good.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("no answer within {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(PAUSE);
    };
    let mut output = Zeroizing::new(Vec::with_capacity(SECRET_OCTETS));
    let mut errors = String::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(SECRET_OCTETS as u64).read_to_end(&mut output).map_err(words)?;
    }
    if let Some(stderr) = child.stderr.take() {
        let mut octets = Vec::new();
        stderr.take(SECRET_OCTETS as u64).read_to_end(&mut octets).map_err(words)?;
        let text = String::from_utf8_lossy(&octets);
        errors = text.trim().trim_start_matches("secret-tool: ").chars().take(WORDS).collect();
    }
    Ok((status.success(), output, errors))
}
