//! Running the shell commands of the configuration, and what signals do to this process.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Where a command writes what it has for standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    /// To this process's standard output.
    #[default]
    Inherited,
    /// To its standard error.
    Error,
}

/// What system(3) answers where there is no shell.
const NO_SHELL: i32 = 127;

/// Runs `command` by `/bin/sh -c` with `variables` added to the environment and waits for it: its exit
/// code, or the signal that ended it, negated; 127 where the shell cannot be executed, as system(3) has it.
///
/// Errors: there can be no further process.
pub fn shell(command: &OsStr, variables: &[(&str, &OsStr)], output: Output) -> io::Result<i32> {
    let mut shell = Command::new("/bin/sh");
    // As system(3) names it; it is in the shell's own messages.
    shell.arg0("sh").arg("-c").arg(command).envs(variables.iter().copied()).stdin(Stdio::inherit());
    shell.stdout(match output {
        Output::Inherited => Stdio::inherit(),
        Output::Error => Stdio::from(io::stderr()),
    });
    let status = match shell.status() {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOMEM)) => {
            return Ok(NO_SHELL);
        }
        status => status?,
    };
    Ok(status.code().or(status.signal().map(|signal| -signal)).unwrap_or(-1))
}

/// From now on a file that grows longer than this process may make it (`ulimit -f`) is an error where it is written,
/// `EFBIG`; the signal would end the program there and then. Processes that are started later inherit this.
pub fn let_long_files_fail() {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed that could run at a bad time. It fails for no signal that exists.
    #[allow(unsafe_code)]
    let _ = unsafe { sigaction(Signal::SIGXFSZ, &ignore) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_environment() {
        let variables = [("MODPROBE_MODULE", OsStr::new("x"))];
        let run = |command: &str| shell(OsStr::new(command), &variables, Output::Inherited).unwrap();
        assert_eq!(run("test \"$MODPROBE_MODULE\" = x"), 0);
        assert_eq!(run("exit 3"), 3);
        assert_eq!(run("kill -9 $$"), -9);
    }
}
