//! The two stores of a run, and which folder each has selected.

use super::diff::{Both, Side};
use crate::store::{Result, Status, Store};

struct Selected {
    folder: String,
    writable: bool,
    status: Status,
}

/// One side, connected.
pub struct Seat {
    store: Box<dyn Store>,
    selected: Option<Selected>,
}

impl Seat {
    fn new(store: Box<dyn Store>) -> Self {
        Self { store, selected: None }
    }

    /// The store, with what [`Seat::select`] selected last.
    pub fn store(&mut self) -> &mut dyn Store {
        self.store.as_mut()
    }

    /// Makes sure that a folder is selected, to be changed where `writable`. The status may
    /// be as old as the first time that the folder was selected.
    ///
    /// # Errors
    /// The store's.
    pub async fn select(&mut self, folder: &str, writable: bool) -> Result<Status> {
        if let Some(selected) = &self.selected
            && selected.folder == folder
            && (selected.writable || !writable)
        {
            return Ok(selected.status);
        }
        self.select_anew(folder, writable).await
    }

    /// Selects a folder, so that its status is that of now.
    ///
    /// # Errors
    /// The store's.
    pub async fn select_anew(&mut self, folder: &str, writable: bool) -> Result<Status> {
        self.selected = None;
        let status = self.store.select(folder, !writable).await?;
        let folder = folder.to_owned();
        self.selected = Some(Selected { folder, writable, status });
        Ok(status)
    }

    /// Forgets what is selected: the store has selected something else, or renamed it.
    pub fn forget(&mut self) {
        self.selected = None;
    }
}

/// The two sides, connected.
pub struct Pair {
    seats: Both<Seat>,
}

impl Pair {
    /// Two stores that have nothing selected yet.
    pub fn new(stores: Both<Box<dyn Store>>) -> Self {
        Self { seats: Both { far: Seat::new(stores.far), near: Seat::new(stores.near) } }
    }

    /// One of the sides.
    pub fn seat(&mut self, side: Side) -> &mut Seat {
        self.seats.of_mut(side)
    }

    /// Both, the given side first: one can be read while the other is written.
    pub fn split(&mut self, first: Side) -> (&mut Seat, &mut Seat) {
        match first {
            Side::Far => (&mut self.seats.far, &mut self.seats.near),
            Side::Near => (&mut self.seats.near, &mut self.seats.far),
        }
    }

    /// One of the stores, with what [`Pair::select`] selected last.
    pub fn store(&mut self, side: Side) -> &mut dyn Store {
        self.seat(side).store()
    }

    /// As [`Seat::select`].
    ///
    /// # Errors
    /// The store's.
    pub async fn select(&mut self, side: Side, folder: &str, writable: bool) -> Result<Status> {
        self.seat(side).select(folder, writable).await
    }

    /// As [`Seat::select_anew`].
    ///
    /// # Errors
    /// The store's.
    pub async fn select_anew(
        &mut self,
        side: Side,
        folder: &str,
        writable: bool,
    ) -> Result<Status> {
        self.seat(side).select_anew(folder, writable).await
    }

    /// Another pass begins: nothing that was selected before is known to be so still.
    pub fn begin(&mut self) {
        Side::BOTH.into_iter().for_each(|side| self.seat(side).forget());
    }

    /// Ends both sessions.
    ///
    /// # Errors
    /// The stores'; each side is ended even where the other one failed.
    pub async fn finish(&mut self) -> Result<()> {
        let Both { far, near } = &mut self.seats;
        let (far, near) = tokio::join!(far.store().finish(), near.store().finish());
        far.and(near)
    }
}
