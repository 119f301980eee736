//! A part of the work: `--shard K/N`, so that several machines share it without talking to each
//! other.

use super::digest;

/// One of several parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: u64,
    of: u64,
}

/// Where a Kubernetes Indexed Job says which of its pods this is.
const KUBERNETES: &str = "JOB_COMPLETION_INDEX";

/// Where Slurm says which task of an array this is, and which is the first.
const SLURM: [&str; 2] = ["SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN"];

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, |name| std::env::var(name).ok())
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Shard {
    /// `K/N`, or `/N` with K from the environment.
    fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let (number, of) = text.split_once('/').ok_or("want K/N, K from 0, or /N")?;
        let of: u64 = of.parse().map_err(|_| "want a number behind the slash")?;
        let number = if number.is_empty() {
            let value = |name: &str| -> Result<Option<u64>, String> {
                let Some(value) = variable(name) else { return Ok(None) };
                let wrong = |_| format!("{name} is {value:?}, and should be a number");
                value.trim().parse().map(Some).map_err(wrong)
            };
            match (value(KUBERNETES)?, value(SLURM[0])?) {
                (Some(index), _) => index,
                (None, Some(id)) => {
                    let first = value(SLURM[1])?.unwrap_or(0);
                    id.checked_sub(first)
                        .ok_or_else(|| format!("{} is below {}", SLURM[0], SLURM[1]))?
                }
                (None, None) => {
                    return Err(format!("neither {KUBERNETES} nor {} says which one", SLURM[0]));
                }
            }
        } else {
            number.parse().map_err(|_| "want a number before the slash")?
        };
        if number >= of {
            return Err(format!("{number} of {of}: the first is 0, the last {}", of.max(1) - 1));
        }
        Ok(Self { number, of })
    }

    /// Whether something of this name is in this part: by a hash that never changes, so that
    /// every machine and every version divide in the same way.
    pub fn has(self, name: &str) -> bool {
        let digest = digest::of_parts(&[name.as_bytes()]);
        let mut octets = [0; 8];
        octets.copy_from_slice(&digest[..8]);
        u64::from_be_bytes(octets) % self.of == self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str, environment: &[(&str, &str)]) -> Result<String, String> {
        let value = |name: &str| {
            environment.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
        };
        Shard::parse(text, value).map(|shard| shard.to_string())
    }

    #[test]
    fn the_number_is_given_or_found() {
        assert_eq!(shard("3/16", &[]), Ok("3/16".into()));
        assert_eq!(shard("/4", &[("JOB_COMPLETION_INDEX", "2")]), Ok("2/4".into()));
        let slurm = [("SLURM_ARRAY_TASK_ID", "12"), ("SLURM_ARRAY_TASK_MIN", "10")];
        assert_eq!(shard("/4", &slurm), Ok("2/4".into()));
        assert_eq!(shard("/4", &slurm[..1]).ok(), None);
        assert_eq!(shard("1/4", &slurm), Ok("1/4".into()));
        for wrong in ["", "4", "4/4", "0/0", "-1/4", "a/b", "/4", "1/"] {
            assert!(shard(wrong, &[]).is_err(), "{wrong}");
        }
        assert!(shard("/4", &[("JOB_COMPLETION_INDEX", "4")]).is_err());
        assert!(
            shard("/4", &[("SLURM_ARRAY_TASK_ID", "1"), ("SLURM_ARRAY_TASK_MIN", "2")]).is_err()
        );
    }

    #[test]
    fn every_name_is_in_exactly_one_part() {
        let mut counts = [0; 16];
        for name in (0..4096).map(|number| format!("user{number}@example.org")) {
            let own: Vec<u64> =
                (0..16).filter(|number| Shard { number: *number, of: 16 }.has(&name)).collect();
            assert_eq!(own.len(), 1, "{name}");
            counts[usize::try_from(own[0]).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (192..=320).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_parts_never_change() {
        let of = |name: &str| (0..16).find(|number| Shard { number: *number, of: 16 }.has(name));
        assert_eq!(
            ["alice", "bob", "carol", ""].map(of).map(Option::unwrap_or_default),
            KNOWN_PARTS
        );
    }

    /// As the first version divided.
    const KNOWN_PARTS: [u64; 4] = [0, 1, 12, 10];
}
