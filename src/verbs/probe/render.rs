//! Facts and findings in the forms that people and programs read.

pub mod json;
pub mod nagios;
pub mod text;
