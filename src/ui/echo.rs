//! The terminal's echo, which is off while a password is typed.

use std::fs::File;
use std::io::Write;

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// The terminal with its echo on; it is on again when this is dropped, though somebody still reads.
pub struct Echo(Option<(File, Termios)>);

impl Echo {
    /// The terminal as it is now, where there is one.
    pub fn of_terminal() -> Self {
        let terminal = File::options().read(true).write(true).open("/dev/tty").ok();
        let known = terminal.and_then(|file| tcgetattr(&file).ok().map(|was| (file, was)));
        Self(known.filter(|(_, was)| was.local_modes.contains(LocalModes::ECHO)))
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let Some((file, was)) = &self.0 else { return };
        let is_off = tcgetattr(file).is_ok_and(|now| !now.local_modes.contains(LocalModes::ECHO));
        // In the background it is another's, and changing it would stop the process.
        if is_off && tcgetpgrp(file).is_ok_and(|front| front == getpgrp()) {
            let _ = tcsetattr(file, OptionalActions::Now, was);
            let _ = (&*file).write_all(b"\n");
        }
    }
}
