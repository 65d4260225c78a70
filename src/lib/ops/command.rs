//! Running the install and remove commands of the configuration.
//!
//! This module owns the environment of a command, and the detection of endless recursion: a command that
//! calls modprobe for its own module without `-i` would be run again by that modprobe, and so on. Each command receives
//! the list of the commands that it is nested in; a command that is nested in itself too often is refused. No variable in
//! the environment can cause a module to be loaded without its command.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use bstr::{BStr, BString, ByteSlice};

use crate::sys::{environment, process};

pub use crate::sys::process::CommandOutput;

/// The environment variable that holds the module that a command is run for.
pub const MODULE_VARIABLE: &str = "MODPROBE_MODULE";

/// The environment variable that holds the modules that the enclosing commands are run for: their names
/// separated by blanks, the outermost first, the command's own module last.
pub const NESTING_VARIABLE: &str = "MODPROBE_NESTING";

/// The maximum number of commands of one module that may be nested. A command that ends the recursion by
/// itself, for instance by a file or a variable that the second run finds, needs two.
pub const LIMIT: usize = 4;

/// The environment of commands, and the destination of their output.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CommandEnvironment {
    /// The value of [`NESTING_VARIABLE`] for this process.
    pub nesting: OsString,
    /// Additional variables for commands.
    pub variables: Vec<(&'static str, OsString)>,
    /// The destination of the commands' output.
    pub output: CommandOutput,
}

/// The reason why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The command, as it was run, and its status: the exit code, or the negated number of the signal that
    /// killed it, or the negated errno if it could not be started.
    #[error("command {0} failed with status {1}")]
    Status(BString, i32),
    /// The command was not run because it is already running [`LIMIT`] times, each nested in the previous
    /// one.
    #[error("command {0} calls modprobe for its own module")]
    Recursion(BString),
}

impl CommandError {
    /// The command, as it was run or would have been run.
    pub fn command(&self) -> &BString {
        match self {
            Self::Status(command, _) | Self::Recursion(command) => command,
        }
    }
}

impl CommandEnvironment {
    /// Returns an environment with the nesting that this process inherited.
    pub fn of_process() -> Self {
        Self { nesting: environment::variable(NESTING_VARIABLE).unwrap_or_default(), ..Self::default() }
    }

    /// Runs the command of `module`, with `options` in place of `$CMDLINE_OPTS`.
    ///
    /// Errors: the exit code was not 0, the command could not be started, or it is nested in itself too
    /// often.
    pub fn run(&self, module: &BStr, command: &BStr, options: &BStr) -> Result<(), CommandError> {
        let whole = expanded(command, options);
        let enclosing = self.nesting.as_bytes().split_str(" ").filter(|name| *name == module.as_bytes());
        if enclosing.count() >= LIMIT {
            return Err(CommandError::Recursion(whole));
        }
        let mut nesting = self.nesting.clone();
        if !nesting.is_empty() {
            nesting.push(" ");
        }
        nesting.push(OsStr::from_bytes(module));
        let mut variables =
            vec![(MODULE_VARIABLE, OsStr::from_bytes(module)), (NESTING_VARIABLE, nesting.as_os_str())];
        variables.extend(self.variables.iter().map(|(name, value)| (*name, value.as_os_str())));
        let status = process::shell(OsStr::from_bytes(&whole), &variables, self.output)
            .unwrap_or_else(|error| -error.raw_os_error().unwrap_or(libc::EIO));
        if status == 0 { Ok(()) } else { Err(CommandError::Status(whole, status)) }
    }
}

/// Returns the command with `options` in place of `$CMDLINE_OPTS`.
pub fn expanded(command: &BStr, options: &BStr) -> BString {
    command.replace("$CMDLINE_OPTS", options.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(nesting: &str, command: &str) -> Result<(), CommandError> {
        let environment = CommandEnvironment {
            nesting: nesting.into(),
            variables: vec![("X", "y".into())],
            output: CommandOutput::Inherited,
        };
        environment.run(BStr::new("a"), BStr::new(command), BStr::new("o=1"))
    }

    #[test]
    fn the_environment_of_a_command() {
        let whole = "[ \"$CMDLINE_OPTS $X $MODPROBE_MODULE $MODPROBE_NESTING\" = ";
        assert_eq!(run("", &format!("{whole}'o=1 y a a' ]")), Ok(()));
        assert_eq!(run("b a", &format!("{whole}'o=1 y a b a a' ]")), Ok(()));
        assert_eq!(run("", "exit 7 # $CMDLINE_OPTS"), Err(CommandError::Status("exit 7 # o=1".into(), 7)));
    }

    #[test]
    fn recursion_is_limited() {
        assert_eq!(run("a a b aa a", "true"), Ok(()));
        assert_eq!(run("a a b a a", "true"), Err(CommandError::Recursion("true".into())));
    }
}
