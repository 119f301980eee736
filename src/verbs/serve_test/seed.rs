//! Mail that is there from the start.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::users::{Users, put};
use crate::store::memory::NewMessage;
use crate::store::{Flags, mbox};
use crate::ui::{Exit, Failure};
