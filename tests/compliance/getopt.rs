//! The rules of getopt and the order of each tool's option table, on ours and theirs.

use oxmod_test_support::{Run, same};

const TOOLS: [&str; 7] = ["kmod", "modprobe", "depmod", "modinfo", "lsmod", "insmod", "rmmod"];

/// `--=` is a prefix of every long option, so that the answer names them all, in order.
#[test]
fn every_long_option_in_the_order_of_the_table() {
    for tool in TOOLS {
        let answer = same(|side| Run::new(tool).arg("--=x").on(side));
        assert_eq!(answer.code, 1, "{tool}");
        let expected = format!("/sbin/{tool}: option '--=x' is ambiguous; possibilities: '--");
        assert!(answer.stderr_text().starts_with(&expected), "{answer:?}");
        assert!(answer.stdout.is_empty());
    }
}
