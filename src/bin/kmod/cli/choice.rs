//! Options whose value is one of a few words.

use std::ffi::OsStr;

use oxmod::ops::firmware::AmbiguityPolicy;

use crate::report::{Exit, Report};

/// Returns the value that `word` stands for, as the value of the option `id`.
pub fn choice<T: Copy>(id: &str, word: &OsStr, choices: &[(&str, T)], report: &Report) -> Result<T, Exit> {
    let chosen = choices.iter().find(|(choice, _)| word == *choice).map(|&(_, meaning)| meaning);
    chosen.ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|&(choice, _)| choice).collect();
        report.bad_choice(id, word, &words)
    })
}

/// Reads the value of `--ambiguous`.
pub fn policy(word: &OsStr, report: &Report) -> Result<AmbiguityPolicy, Exit> {
    let choices = [
        ("error", AmbiguityPolicy::Error),
        ("warn", AmbiguityPolicy::Warn),
        ("first", AmbiguityPolicy::First),
    ];
    choice("ambiguous", word, &choices, report)
}
