//! The multi-call binary: argv[0] chooses the applet, the applet's answer is the exit code.

fn main() {}
