//! The findings of depmod --verify, on standard output: one line for each file that differs from what depmod would write,
//! followed by the entries, `-` before those that should not be there, `+` before missing ones.

use bstr::BString;
use oxmod::errno::strerror;
use oxmod::ops::depmod::{Difference, Finding, Problem};

/// How many entries of a kind are shown without -v.
const SHOWN: usize = 5;

/// Returns the lines for one finding; `all` shows every entry.
pub fn finding(finding: &Finding, all: bool) -> Vec<u8> {
    let what = match &finding.problem {
        Problem::Absent => "missing".into(),
        Problem::Unreadable(errno) => format!("cannot be read: {}", strerror(*errno)),
        Problem::Damaged(error) => format!("damaged: {error}"),
        Problem::Entries(difference) => counts(difference),
        Problem::Order => "the entries are in the wrong order".into(),
        Problem::Format => "the entries are not formatted as depmod formats them".into(),
        Problem::Disagrees(text, difference) => format!("compared with {text}: {}", counts(difference)),
        Problem::WrongRecords(modules) => {
            format!("wrong information about {}", plural(modules.len(), "module", "modules"))
        }
    };
    let mut out = format!("{}: {what}\n", finding.file).into_bytes();
    match &finding.problem {
        Problem::Entries(difference) | Problem::Disagrees(_, difference) => {
            list(&mut out, "  - ", &difference.surplus, all);
            list(&mut out, "  + ", &difference.missing, all);
        }
        Problem::WrongRecords(modules) => list(&mut out, "  - ", modules, all),
        _ => {}
    }
    out
}

/// The line that -v prints when there are no findings.
pub fn nothing_found() -> &'static [u8] {
    b"all files are correct\n"
}

fn counts(difference: &Difference) -> String {
    let surplus = match difference.surplus.len() {
        0 => None,
        count => Some(format!("{} too many", plural(count, "entry", "entries"))),
    };
    let missing = match difference.missing.len() {
        0 => None,
        count => Some(format!("{} missing", plural(count, "entry", "entries"))),
    };
    surplus.into_iter().chain(missing).collect::<Vec<_>>().join(", ")
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn list(out: &mut Vec<u8>, mark: &str, entries: &[BString], all: bool) {
    let shown = if all { entries.len() } else { SHOWN };
    for entry in entries.iter().take(shown) {
        out.extend_from_slice(&[mark.as_bytes(), entry, b"\n"].concat());
    }
    if let Some(left @ 1..) = entries.len().checked_sub(shown) {
        out.extend_from_slice(format!("{mark}... {left} more (use -v to list them)\n").as_bytes());
    }
}
