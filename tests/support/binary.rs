//! The real binary, run in a home of its own with a clean environment.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, Scratch};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_pillarbox");

/// A home folder in which the binary runs: nothing of the machine's own configuration, state
/// or credentials is seen, and all is gone on drop.
#[derive(Debug)]
pub struct Home {
    scratch: Scratch,
}

impl Home {
    pub fn new() -> Home {
        let scratch = Scratch::new();
        for folder in ["home", "config", "state", "data", "cache", "runtime", "work"] {
            scratch.folder(folder);
        }
        super::set_mode(&scratch.path().join("runtime"), 0o700);
        Home { scratch }
    }

    /// The folder in which commands run, and to which relative paths belong.
    pub fn path(&self) -> PathBuf {
        self.scratch.path().join("work")
    }

    /// `$HOME`, for `~` and `~/.netrc`.
    pub fn home(&self) -> PathBuf {
        self.scratch.path().join("home")
    }

    /// `$XDG_STATE_HOME`.
    pub fn state(&self) -> PathBuf {
        self.scratch.path().join("state")
    }

    /// Writes a file below [`Home::path`].
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.scratch.write(&format!("work/{name}"), content)
    }

    /// Writes the configuration file.
    pub fn configure(&self, toml: &str) -> PathBuf {
        self.scratch.write("config/pillarbox/config.toml", toml)
    }

    /// `pillarbox ARGUMENTS...`, not yet started.
    pub fn pillarbox<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Invocation {
        self.command(BINARY, arguments)
    }

    /// Any other program in the same clean surroundings.
    pub fn command<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S]) -> Invocation {
        let mut command = Command::new(program);
        command.args(arguments);
        command.current_dir(self.path());
        command.env_clear();
        let root = self.scratch.path();
        for (name, folder) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "runtime"),
        ] {
            command.env(name, root.join(folder));
        }
        for name in ["PATH", "TMPDIR", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("NO_COLOR", "1");
        command.env("RUST_BACKTRACE", "1");
        Invocation { command, input: Vec::new(), patience: PATIENCE, output: None }
    }

    /// Runs `pillarbox ARGUMENTS...` with an empty stdin to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Run {
        self.pillarbox(arguments).run()
    }
}

impl Default for Home {
    fn default() -> Home {
        Home::new()
    }
}

/// A command about to be run.
#[derive(Debug)]
pub struct Invocation {
    command: Command,
    input: Vec<u8>,
    patience: Duration,
    output: Option<Stdio>,
}

impl Invocation {
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Invocation {
        self.command.env(name, value);
        self
    }

    /// The password for whatever server the command speaks to.
    pub fn password(self, password: &str) -> Invocation {
        self.env("PILLARBOX_PASSWORD", password)
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Invocation {
        self.command.arg(argument);
        self
    }

    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Invocation {
        self.command.args(arguments);
        self
    }

    /// What the command reads on stdin; nothing unless said.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Invocation {
        self.input = input.into();
        self
    }

    /// Where its stdout goes, in place of [`Run::stdout`].
    pub fn stdout(mut self, output: impl Into<Stdio>) -> Invocation {
        self.output = Some(output.into());
        self
    }

    /// Runs in another folder than [`Home::path`].
    pub fn folder(mut self, path: &Path) -> Invocation {
        self.command.current_dir(path);
        self
    }

    /// How long the command may take before it counts as hung; [`PATIENCE`] unless said.
    pub fn within(mut self, patience: Duration) -> Invocation {
        self.patience = patience;
        self
    }

    /// Runs to the end.
    ///
    /// # Panics
    /// When it takes longer than its time: it is killed, and the message has what it printed.
    pub fn run(self) -> Run {
        let patience = self.patience;
        self.spawn().wait(patience)
    }

    /// Starts it, with its stdin fed and its outputs collected on the side.
    pub fn spawn(self) -> Running {
        let input = self.input.clone();
        let mut running = self.spawn_open();
        if let Some(mut stdin) = running.stdin.take() {
            // A command may end without reading all; that is its right.
            running.feeder = Some(std::thread::spawn(move || {
                let _ = stdin.write_all(&input);
            }));
        }
        running
    }

    /// Starts it and leaves its stdin open in [`Running::stdin`], for a dialogue.
    pub fn spawn_open(mut self) -> Running {
        let line = format!("{:?}", self.command);
        let output = self.output.take().unwrap_or_else(Stdio::piped);
        self.command.stdin(Stdio::piped()).stdout(output).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("{line}: {error}"));
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        let pid = Pid::from_child(&child);
        let (sender, ended) = mpsc::channel();
        let started = Instant::now();
        std::thread::spawn(move || wait_in_thread(child, &sender));
        Running { line, pid, stdin, stdout, stderr, ended, started, feeder: None, is_over: false }
    }
}

fn wait_in_thread(mut child: Child, sender: &mpsc::Sender<ExitStatus>) {
    if let Ok(status) = child.wait() {
        // The test may have stopped listening; then nobody wants to know.
        let _ = sender.send(status);
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut octets = Vec::new();
        let _ = pipe.read_to_end(&mut octets);
        octets
    })
}

fn collected(thread: Option<JoinHandle<Vec<u8>>>) -> Vec<u8> {
    thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
}

/// A command that runs; killed on drop.
#[derive(Debug)]
pub struct Running {
    /// Its stdin, after [`Invocation::spawn_open`].
    pub stdin: Option<ChildStdin>,
    line: String,
    pid: Pid,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    ended: mpsc::Receiver<ExitStatus>,
    started: Instant,
    feeder: Option<JoinHandle<()>>,
    is_over: bool,
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Sends it SIGKILL, as a crash would.
    pub fn kill(&self) {
        // It may just have ended by itself.
        let _ = kill_process(self.pid, Signal::KILL);
    }

    /// Sends it SIGTERM.
    pub fn terminate(&self) {
        let _ = kill_process(self.pid, Signal::TERM);
    }

    /// Sends it SIGINT, as a terminal does.
    pub fn interrupt(&self) {
        let _ = kill_process(self.pid, Signal::INT);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it takes longer than `patience`: it is killed, and the message has what it
    /// printed.
    pub fn wait(mut self, patience: Duration) -> Run {
        self.stdin = None;
        let status = self.ended.recv_timeout(patience);
        if status.is_err() {
            self.kill();
        }
        self.is_over = true;
        let run = Run {
            line: self.line.clone(),
            code: status.ok().and_then(|status| status.code()),
            signal: status.ok().and_then(|status| status.signal()),
            elapsed: self.started.elapsed(),
            stdout: collected(self.stdout.take()),
            stderr: collected(self.stderr.take()),
        };
        assert!(status.is_ok(), "took longer than {patience:?}:\n{run}");
        run
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Not when it has been waited for: its number may be another's by now.
        if !self.is_over && self.ended.try_recv().is_err() {
            self.kill();
        }
    }
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Run {
    /// The command line, for messages.
    pub line: String,
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// From its start to its end.
    pub elapsed: Duration,
}

impl Run {
    /// Itself, when it ended with this code.
    ///
    /// # Panics
    /// Otherwise: the message has the command and all it printed.
    #[track_caller]
    pub fn expect(self, code: i32) -> Run {
        assert!(self.code == Some(code), "expected exit code {code}:\n{self}");
        self
    }

    /// Itself, when it ended with 0.
    #[track_caller]
    pub fn success(self) -> Run {
        self.expect(0)
    }

    /// Itself, when stderr holds each of these, whatever their case.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Run {
        let said = self.errors().to_lowercase();
        for word in words {
            assert!(said.contains(&word.to_lowercase()), "stderr lacks {word:?}:\n{self}");
        }
        self
    }

    /// stdout as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap_or_else(|_| panic!("stdout is not UTF-8:\n{self}"))
    }

    /// stderr as text.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The lines of stdout.
    #[track_caller]
    pub fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    /// stdout as JSON Lines.
    ///
    /// # Panics
    /// When a line is not JSON.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        self.text()
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("not JSON ({error}): {line}\n{self}"))
            })
            .collect()
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "$ {}", self.line)?;
        match (self.code, self.signal) {
            (Some(code), _) => writeln!(f, "exit code {code} after {:?}", self.elapsed)?,
            (None, Some(signal)) => writeln!(f, "signal {signal} after {:?}", self.elapsed)?,
            (None, None) => writeln!(f, "killed after {:?}", self.elapsed)?,
        }
        for (name, octets) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let text = String::from_utf8_lossy(octets);
            let shown: String = text.chars().take(8_000).collect();
            writeln!(f, "--- {name} ({} octets)\n{shown}", octets.len())?;
        }
        Ok(())
    }
}

/// Arguments of different kinds as one list: `args!["fetch", url, path]`.
macro_rules! args {
    ($($argument:expr),* $(,)?) => {
        &[$(std::ffi::OsString::from($argument)),*][..]
    };
}
pub(crate) use args;

/// The folder of the binary, to be put on a path.
pub fn binary_folder() -> PathBuf {
    Path::new(BINARY).parent().map(Path::to_owned).unwrap_or_default()
}

/// `PATH` with the binary's folder in front.
pub fn path_with_binary() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(binary_folder()).chain(std::env::split_paths(&path));
    std::env::join_paths(all).expect("a path of path entries")
}
