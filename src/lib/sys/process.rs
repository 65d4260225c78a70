//! Running the shell commands of the configuration, and the effect of signals on this process.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::stdio;

/// The destination of a command's standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CommandOutput {
    /// Standard output of this process.
    #[default]
    Inherited,
    /// Standard error of this process.
    Error,
}

/// The exit code of system(3) if there is no shell.
const NO_SHELL: i32 = 127;

/// Runs `command` with `/bin/sh -c`, with `variables` added to the environment, and waits for it. Returns its exit
/// code, or the negated number of the signal that ended it; 127 if the shell cannot be executed, as system(3) does.
///
/// Errors: no further process can be created.
pub fn shell(command: &OsStr, variables: &[(&str, &OsStr)], output: CommandOutput) -> io::Result<i32> {
    let mut shell = Command::new("/bin/sh");
    // The same name as with system(3); it occurs in the shell's messages.
    shell.arg0("sh").arg("-c").arg(command).envs(variables.iter().copied()).stdin(Stdio::inherit());
    shell.stdout(match output {
        CommandOutput::Inherited => Stdio::inherit(),
        CommandOutput::Error => Stdio::from(io::stderr()),
    });
    if stdio::sigpipe_was_ignored() {
        ignore_sigpipe(&mut shell);
    }
    let status = match shell.status() {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOMEM)) => {
            return Ok(NO_SHELL);
        }
        status => status?,
    };
    Ok(status.code().or(status.signal().map(|signal| -signal)).unwrap_or(-1))
}

/// Starts a command with SIGPIPE ignored, as this process was; the standard library resets the signal.
fn ignore_sigpipe(command: &mut Command) {
    // SAFETY: signal is async-signal-safe and changes only the child.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            Ok(())
        });
    }
}

/// Makes writes beyond the file size limit (`ulimit -f`) fail with `EFBIG` instead of ending the program with SIGXFSZ.
/// Processes that are started later inherit this.
pub fn let_long_files_fail() {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed. sigaction does not fail for an existing signal.
    #[allow(unsafe_code)]
    let _ = unsafe { sigaction(Signal::SIGXFSZ, &ignore) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_environment() {
        let variables = [("MODPROBE_MODULE", OsStr::new("x"))];
        let run = |command: &str| shell(OsStr::new(command), &variables, CommandOutput::Inherited).unwrap();
        assert_eq!(run("test \"$MODPROBE_MODULE\" = x"), 0);
        assert_eq!(run("exit 3"), 3);
        assert_eq!(run("kill -9 $$"), -9);
    }
}
