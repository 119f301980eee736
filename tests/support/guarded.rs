//! A server process that cannot outlive its test: a shell stands between and waits for the
//! end of its own stdin, which comes when the value is dropped and also when the test process
//! is killed.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How a server is ended.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// SIGKILL to the server and all its children: for one that writes nothing of worth.
    KillGroup,
    /// SIGTERM to the server alone, which then ends its own children.
    Terminate,
}

/// Runs "$@" with an empty stdin; ends when it ends, and ends it when our stdin ends.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
( cat <&3 >/dev/null; eval "$PILLARBOX_STOP" ) >/dev/null &
exec 3<&-
wait $child
"#;

/// A guarded server.
#[derive(Debug)]
pub struct Guarded {
    shell: Child,
    name: String,
}

impl Guarded {
    /// Starts `program` with `arguments` and the environment `vars` on top of our own, in a
    /// process group of its own. Its stderr is ours, its stdout goes where `stdout` says.
    pub fn spawn(
        program: &OsStr,
        arguments: &[OsString],
        vars: &[(&str, &OsStr)],
        stop: Stop,
        stdout: Stdio,
    ) -> Guarded {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(GUARD)
            .arg("sh")
            .arg(program)
            .args(arguments)
            .env(
                "PILLARBOX_STOP",
                match stop {
                    Stop::KillGroup => "kill -KILL 0",
                    Stop::Terminate => "kill -TERM $child",
                },
            )
            .stdin(Stdio::piped())
            .stdout(stdout)
            .process_group(0);
        for (name, value) in vars {
            command.env(name, value);
        }
        let name = program.to_string_lossy().into_owned();
        let shell = command.spawn().expect("sh can be started");
        Guarded { shell, name }
    }

    /// The pipe from the server's stdout, where it was asked for; once.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.shell.stdout.take()
    }

    /// Waits until the server accepts connections on the loopback `port`; `false` when it
    /// ended instead (another process had taken a port, say).
    ///
    /// # Panics
    /// When neither happens within 30 seconds.
    pub fn listens(&mut self, port: u16) -> bool {
        let start = Instant::now();
        loop {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return true;
            }
            if let Ok(Some(_)) = self.shell.try_wait() {
                return false;
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{} does not listen on port {port}",
                self.name
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the server has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.shell.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Ends at once in all honest cases; a server that ignores its end must not hang tests.
        let start = Instant::now();
        while let Ok(None) = self.shell.try_wait() {
            if start.elapsed() > Duration::from_secs(10) {
                eprintln!("{} does not end; leaving it to its guard", self.name);
                let _ = self.shell.kill();
                let _ = self.shell.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
