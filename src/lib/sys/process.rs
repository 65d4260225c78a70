//! Running the shell commands of the configuration.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

/// Runs `command` by `/bin/sh -c` with `variables` added to the environment and waits for it: its exit
/// code, or the signal that ended it, negated.
///
/// Errors: the shell cannot be started.
pub fn shell(command: &OsStr, variables: &[(&str, &OsStr)]) -> io::Result<i32> {
    let mut shell = Command::new("/bin/sh");
    // As system(3) names it; it is in the shell's own messages.
    shell.arg0("sh").arg("-c").arg(command).envs(variables.iter().copied()).stdin(Stdio::inherit());
    let status = shell.status()?;
    Ok(status.code().or(status.signal().map(|signal| -signal)).unwrap_or(-1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_environment() {
        let run =
            |command: &str| shell(OsStr::new(command), &[("MODPROBE_MODULE", OsStr::new("x"))]).unwrap();
        assert_eq!(run("test \"$MODPROBE_MODULE\" = x"), 0);
        assert_eq!(run("exit 3"), 3);
        assert_eq!(run("kill -9 $$"), -9);
    }
}
