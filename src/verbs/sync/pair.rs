//! The two stores of a run, and which folder each has selected.

use super::diff::{Both, Side};
use crate::store::{Result, Status, Store};

struct Selected {
    folder: String,
    writable: bool,
    status: Status,
}

/// The two sides, connected.
pub struct Pair {
    stores: Both<Box<dyn Store>>,
    selected: Both<Option<Selected>>,
}

impl Pair {
    /// Two stores that have nothing selected yet.
    pub fn new(stores: Both<Box<dyn Store>>) -> Self {
        Self { stores, selected: Both { far: None, near: None } }
    }

    /// One of the stores, with what [`Pair::select`] selected last.
    pub fn store(&mut self, side: Side) -> &mut dyn Store {
        self.stores.of_mut(side).as_mut()
    }

    /// Makes sure that a folder is selected, to be changed where `writable`. The status may
    /// be as old as the first time that the folder was selected.
    ///
    /// # Errors
    /// The store's.
    pub async fn select(&mut self, side: Side, folder: &str, writable: bool) -> Result<Status> {
        if let Some(selected) = self.selected.of(side)
            && selected.folder == folder
            && (selected.writable || !writable)
        {
            return Ok(selected.status);
        }
        self.select_anew(side, folder, writable).await
    }

    /// Selects a folder, so that its status is that of now.
    ///
    /// # Errors
    /// The store's.
    pub async fn select_anew(
        &mut self,
        side: Side,
        folder: &str,
        writable: bool,
    ) -> Result<Status> {
        *self.selected.of_mut(side) = None;
        let status = self.store(side).select(folder, !writable).await?;
        let folder = folder.to_owned();
        *self.selected.of_mut(side) = Some(Selected { folder, writable, status });
        Ok(status)
    }

    /// Another pass begins: nothing that was selected before is known to be so still.
    pub fn begin(&mut self) {
        self.selected = Both { far: None, near: None };
    }

    /// Ends both sessions.
    ///
    /// # Errors
    /// The stores'; the near side is ended even where the far one failed.
    pub async fn finish(&mut self) -> Result<()> {
        let far = self.store(Side::Far).finish().await;
        let near = self.store(Side::Near).finish().await;
        far.and(near)
    }
}
