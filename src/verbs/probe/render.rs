//! Facts and findings in the forms that people and programs read.

pub mod json;
pub mod junit;
pub mod markdown;
pub mod nagios;
pub mod prometheus;
pub mod sarif;
pub mod text;

use crate::base::date::Zoned;

/// An instant as RFC 3339 has it, in UTC.
pub fn stamp(seconds: i64) -> String {
    let day = Zoned::utc(seconds).day();
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        day.year(),
        day.month(),
        day.day()
    )
}
