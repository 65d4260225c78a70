//! Tests of the readers of .modinfo and of signatures.
