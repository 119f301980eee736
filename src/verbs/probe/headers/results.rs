//! What a receiver found: Authentication-Results (RFC 8601 section 2.2).

use serde_json::{Value, json};

use crate::message::headers;

/// What one method gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `spf`, `dkim`, `dmarc`, `arc` and others, in lower case.
    pub method: String,
    /// `pass`, `fail` and others, in lower case.
    pub result: String,
    /// Properties such as `header.d` and `smtp.mailfrom`, in their order.
    pub properties: Vec<(String, String)>,
}

impl Finding {
    /// A property; `None` where there is none.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// Who found that.
    pub server: String,
    /// What; empty for `none`.
    pub findings: Vec<Finding>,
}

impl Results {
    /// As JSON.
    pub fn json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|found| {
                let properties: serde_json::Map<String, Value> = found
                    .properties
                    .iter()
                    .map(|(name, value)| (name.clone(), json!(value)))
                    .collect();
                json!({
                    "method": found.method,
                    "result": found.result,
                    "properties": properties,
                })
            })
            .collect();
        json!({"type": "results", "server": self.server, "findings": findings})
    }
}

/// The results in a message, the newest first.
pub fn all(message: &[u8]) -> Vec<Results> {
    headers::fields(message)
        .filter(|field| field.is("Authentication-Results"))
        .map(|field| read(&String::from_utf8_lossy(&field.unfolded())))
        .collect()
}

fn read(value: &str) -> Results {
    let mut parts = parts(value).into_iter();
    let server = parts.next().unwrap_or_default();
    let server = server.split_whitespace().next().unwrap_or_default().to_owned();
    let findings = parts
        .filter_map(|part| {
            let mut words = part.split_whitespace();
            let (method, result) = words.next()?.split_once('=')?;
            let method = method.split('/').next().unwrap_or_default();
            let properties = words
                .filter_map(|word| word.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
                .collect();
            Some(Finding {
                method: method.to_ascii_lowercase(),
                result: result.to_ascii_lowercase(),
                properties,
            })
        })
        .collect();
    Results { server, findings }
}

/// The parts between semicolons, without comments; blanks and semicolons in quoted strings
/// count as letters.
fn parts(value: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut is_quoted) = (0_usize, false);
    for c in value.chars() {
        match c {
            '"' if depth == 0 => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            ';' if !is_quoted => parts.push(String::new()),
            ' ' | '\t' if is_quoted => {
                if let Some(part) = parts.last_mut() {
                    part.push('_');
                }
            }
            c => {
                if let Some(part) = parts.last_mut() {
                    part.push(c);
                }
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_of_the_rfc() {
        let message = b"Authentication-Results: example.com 1;\r\n\
\tspf=pass smtp.mailfrom=example.net;\r\n\
\tdkim=pass (good; signature) reason=\"all is well; yes\" header.d=example.net header.s=x;\r\n\
\tdmarc/1=fail (p=none) header.from=example.org\r\n\
Authentication-Results: other.example; none\r\n\r\n";
        let all = all(message);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].server, "example.com");
        let methods: Vec<(&str, &str)> = all[0]
            .findings
            .iter()
            .map(|found| (found.method.as_str(), found.result.as_str()))
            .collect();
        assert_eq!(methods, [("spf", "pass"), ("dkim", "pass"), ("dmarc", "fail")]);
        assert_eq!(all[0].findings[1].property("header.d"), Some("example.net"));
        assert_eq!(all[0].findings[2].property("header.from"), Some("example.org"));
        assert!(all[1].findings.is_empty());
        for nonsense in ["", ";;;", "\"", "(", "x; =; a=; =b"] {
            read(nonsense);
        }
    }
}
