//! The outcome of a scenario on one side: the sections of the guest's report, without anything that varies between
//! runs.

use std::collections::BTreeMap;
use std::fmt;

/// The outcome on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Titles and texts of the sections, in the guest's order.
    sections: Vec<(String, String)>,
}

/// The outcomes by scenario and side.
pub(crate) type Records = BTreeMap<(String, String), Record>;

/// Parses the whole report.
pub(crate) fn parse(text: &str) -> Records {
    let reports = text.split("\n@@@ ").skip(1).filter(|report| report.trim() != "end");
    reports.map(record).collect()
}

fn record(report: &str) -> ((String, String), Record) {
    let mut parts = report.split("\n@@ ");
    let mut head = parts.next().unwrap_or_default().split_whitespace();
    let (side, name) = (head.next().unwrap_or_default(), head.next().unwrap_or_default());
    let sections = parts.map(|part| {
        let (title, body) = part.split_once('\n').unwrap_or((part, ""));
        let body = match title {
            "log" => log(body),
            // The guest lists them in the order of the modules.
            "parameters" => sorted(body.trim_end().lines().map(str::to_owned)),
            _ => body.trim_end().to_owned(),
        };
        (title.to_owned(), body)
    });
    ((name.to_owned(), side.to_owned()), Record { sections: sections.collect() })
}

/// Returns the kernel's messages about modules, without timestamps and without messages that it prints only once or
/// unpredictably.
fn log(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once("] ").map_or(line, |(_, rest)| rest));
    let messages = lines.filter(|line| {
        ["ox_", "odule", "symbol", "vermagic", "decompress", "segfault"]
            .iter()
            .any(|word| line.contains(word))
            && !["taint", "livepatch", "Modules linked in"].iter().any(|word| line.contains(word))
    });
    messages.collect::<Vec<_>>().join("\n")
}

fn sorted(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Sorts the users, which are the third word, in a line about a module.
fn with_sorted_users(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    if let Some(users) = words.get_mut(2) {
        let mut names: Vec<&str> = users.split_terminator(',').collect();
        names.sort_unstable();
        *users = names.join(",");
    }
    words.join(" ")
}

impl Record {
    /// Returns the text of a section, or an empty string if it is missing.
    pub(crate) fn section(&self, title: &str) -> &str {
        self.sections.iter().find(|(name, _)| name == title).map_or("", |(_, body)| body)
    }

    /// Returns a copy in which everything that depends on the order of loading is sorted.
    pub(crate) fn sorted(&self) -> Self {
        let sections = self.sections.iter().map(|(title, body)| match title.as_str() {
            "modules" => (title.clone(), sorted(body.lines().map(with_sorted_users))),
            "log" => (title.clone(), sorted(body.lines().map(str::to_owned))),
            _ => (title.clone(), body.clone()),
        });
        Self { sections: sections.collect() }
    }

    /// Returns the titles of the sections that differ.
    pub(crate) fn differing<'r>(&'r self, other: &'r Self) -> Vec<&'r str> {
        let titles = self.sections.iter().map(|(title, _)| title.as_str());
        titles.filter(|title| self.section(title) != other.section(title)).collect()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, body) in self.sections.iter().filter(|(_, body)| !body.is_empty()) {
            writeln!(f, "{title}: {}", body.replace('\n', &format!("\n{:1$}", "", title.len() + 2)))?;
        }
        Ok(())
    }
}
