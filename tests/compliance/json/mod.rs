//! `--json`: the documents are valid, agree with the plain output of the tools, and are described in man/.
//!
//! The reference does not support the option; only its plain output is used.

mod documented;
mod lsmod;
mod modinfo;
mod modprobe;
mod schema;

use oxmod_test_support::{Answer, Run, Side, each};
use serde_json::Value;

use schema::Schema;

/// Returns our `--json` document, after checking that it is valid, on one line, and has the run's `exit` and
/// `messages`. Checks that the reference rejects the option.
#[track_caller]
fn document(run: &Run) -> Value {
    let run = run.clone().arg("--json");
    each(|side| run.on(side)).iter().filter(|(side, _)| *side == Side::Theirs).for_each(|(_, answer)| {
        assert!(
            answer.code == 1 && answer.stderr_text().contains("unrecognized option '--json'"),
            "{answer:?}"
        );
    });
    checked(&run.on(Side::Ours))
}

/// Returns the document in an answer.
#[track_caller]
pub(crate) fn checked(answer: &Answer) -> Value {
    let text = answer.stdout_text();
    assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "not one line: {answer:?}");
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    let faults = Schema::read().faults(&document);
    assert!(faults.is_empty(), "{}\n{answer:?}", faults.join("\n"));
    assert_eq!(document["exit"], answer.code, "{answer:?}");
    let messages = list(&document["messages"]).iter().map(|message| {
        let level = message["level"].as_str().expect("a level").to_uppercase();
        format!("{level}: {}\n", message["text"].as_str().expect("a text"))
    });
    let said = answer.stderr_text();
    let said = said.split_inclusive('\n').map(|line| line.split_once(": ").map_or(line, |(_, text)| text));
    assert_eq!(messages.collect::<String>(), said.collect::<String>(), "{answer:?}");
    document
}

/// Returns the items of an array.
#[track_caller]
pub(crate) fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}
