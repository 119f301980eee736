//! The grammar of mbsync's configuration: words, lines, sections.

/// One section: its keyword in lower case, its name, and its settings in order.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub kind: String,
    pub name: String,
    /// Keyword in lower case, its words.
    pub settings: Vec<(String, Vec<String>)>,
}

impl Section {
    /// The words of a setting; the last of several counts.
    pub fn words(&self, keys: &[&str]) -> Option<&[String]> {
        let found = self.settings.iter().rev().find(|(key, _)| keys.contains(&key.as_str()));
        found.map(|(_, words)| words.as_slice())
    }

    pub fn word(&self, keys: &[&str]) -> Option<&str> {
        self.words(keys)?.first().map(String::as_str)
    }
}

/// The words of a line, quotes taken off; `None` where a quote does not end.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() && !rest.starts_with('#') {
        let mut word = String::new();
        let mut chars = rest.char_indices();
        let mut quoted = false;
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => quoted = !quoted,
                '\\' => word.extend(chars.next().map(|(_, c)| c)),
                c if c.is_whitespace() && !quoted => {
                    end = at;
                    break;
                }
                c => word.push(c),
            }
        }
        if quoted {
            return None;
        }
        words.push(word);
        rest = rest[end..].trim_start();
    }
    Some(words)
}

/// The sections, the first being what stands before all others.
pub(super) fn sections(text: &str) -> Result<Vec<Section>, String> {
    let mut sections = vec![Section::default()];
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        let wrong = |what: &str| format!("line {}: {what}", number + 1);
        let mut words = words(line).ok_or_else(|| wrong("a quote does not end"))?.into_iter();
        let Some(key) = words.next() else {
            // A line of comment alone does not end a section; an empty one does.
            inside &= !line.trim().is_empty();
            continue;
        };
        let (key, words): (String, Vec<String>) = (key.to_ascii_lowercase(), words.collect());
        if matches!(
            key.as_str(),
            "imapaccount" | "imapstore" | "maildirstore" | "channel" | "group"
        ) {
            let mut words = words.into_iter();
            let name = words.next().ok_or_else(|| wrong("a section without a name"))?;
            let mut section = Section { kind: key, name, settings: Vec::new() };
            let members: Vec<String> = words.collect();
            if !members.is_empty() {
                section.settings.push(("channels".to_owned(), members));
            }
            sections.push(section);
            inside = true;
        } else if words.is_empty() {
            return Err(wrong(&format!("{key} wants a value")));
        } else {
            let of = if inside { sections.len() - 1 } else { 0 };
            sections[of].settings.push((key, words));
        }
    }
    Ok(sections)
}
