//! What the tests of this verb share: an output that can be read, files, and queries.

use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

use jiff::tz::TimeZone;

use super::found::Results;
use crate::query::{Context, Expr, parse};
pub use crate::store::testing::{Dir, run};
use crate::ui::{Exit, Format, Output};

/// What was written to an output.
#[derive(Debug, Clone, Default)]
pub struct Written(Rc<RefCell<Vec<u8>>>);

impl Written {
    /// As text.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("text was written")
    }
}

impl Write for Written {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes a file below a folder, with the folders above it.
pub fn write(dir: &Dir, name: &str, octets: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(&path, octets).expect("written");
    path
}

/// The query, as of noon of 15 March 2026 in universal time.
pub fn expr(query: &str) -> Expr {
    let now = "2026-03-15T12:00:00Z".parse().expect("a time");
    parse(query, &Context { now, zone: TimeZone::UTC }).expect(query)
}

/// What a search prints in plain lines, and how it ends.
pub fn printed(search: impl AsyncFnOnce(&mut Results<'_>)) -> (Vec<String>, Exit) {
    let written = Written::default();
    let mut out = Output::to(Box::new(written.clone()), Format::Lines, false);
    let mut results = Results::new(&mut out, false, None, None, TimeZone::UTC);
    run(search(&mut results));
    let exit = results.finish().expect("written");
    out.flush().expect("written");
    (written.text().lines().map(str::to_owned).collect(), exit)
}
