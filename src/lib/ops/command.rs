//! Running the install and remove commands of the configuration.
//!
//! Owns what a command finds in its environment, and the end of circles: a command that calls modprobe for its own
//! module without `-i` would be run by that modprobe again, without end. Each command is told inside which others
//! it runs; one that is run inside itself too often is refused. Nothing in the environment makes a module be
//! loaded without its command.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use bstr::{BStr, BString, ByteSlice};

use crate::sys::{environment, process};

pub use crate::sys::process::Output;

/// Tells a command which module it is run for.
pub const MODULE_VARIABLE: &str = "MODPROBE_MODULE";

/// Tells a command for which modules the commands around it run: their names separated by blanks, the outermost first,
/// its own last.
pub const NESTING_VARIABLE: &str = "MODPROBE_NESTING";

/// How many commands of one module may run inside each other. One that ends the circle by itself, such as by a
/// file or a variable that the second run finds, needs two.
pub const LIMIT: usize = 4;

/// What commands find in their environment, and where they write to.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CommandEnvironment {
    /// The [`NESTING_VARIABLE`] of this process.
    pub nesting: OsString,
    /// Further variables for commands.
    pub variables: Vec<(&'static str, OsString)>,
    /// Where commands write to.
    pub output: Output,
}

/// Why a command did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// This command, as it was run, ended with this exit code, or the signal that ended it or the errno that
    /// kept it from starting, negated.
    #[error("command {0} ended with {1}")]
    Status(BString, i32),
    /// This command was not run: it is running [`LIMIT`] times already, each inside the other.
    #[error("command {0} calls modprobe for its own module")]
    Circle(BString),
}

impl CommandError {
    /// The command, as it was run or would have been.
    pub fn command(&self) -> &BString {
        match self {
            Self::Status(command, _) | Self::Circle(command) => command,
        }
    }
}

impl CommandEnvironment {
    /// That of this process: the nesting that its caller has set.
    pub fn of_process() -> Self {
        Self { nesting: environment::variable(NESTING_VARIABLE).unwrap_or_default(), ..Self::default() }
    }

    /// Runs the command of `module`, with `options` in place of `$CMDLINE_OPTS`.
    ///
    /// Errors: it ended with another exit code than 0, could not be started, or would run inside itself.
    pub fn run(&self, module: &BStr, command: &BStr, options: &BStr) -> Result<(), CommandError> {
        let whole = expanded(command, options);
        let around = self.nesting.as_bytes().split_str(" ").filter(|name| *name == module.as_bytes());
        if around.count() >= LIMIT {
            return Err(CommandError::Circle(whole));
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

/// The command with `options` in place of `$CMDLINE_OPTS`.
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
            output: Output::Inherited,
        };
        environment.run(BStr::new("a"), BStr::new(command), BStr::new("o=1"))
    }

    #[test]
    fn what_a_command_finds() {
        let whole = "[ \"$CMDLINE_OPTS $X $MODPROBE_MODULE $MODPROBE_NESTING\" = ";
        assert_eq!(run("", &format!("{whole}'o=1 y a a' ]")), Ok(()));
        assert_eq!(run("b a", &format!("{whole}'o=1 y a b a a' ]")), Ok(()));
        assert_eq!(run("", "exit 7 # $CMDLINE_OPTS"), Err(CommandError::Status("exit 7 # o=1".into(), 7)));
    }

    #[test]
    fn circles_end() {
        assert_eq!(run("a a b aa a", "true"), Ok(()));
        assert_eq!(run("a a b a a", "true"), Err(CommandError::Circle("true".into())));
    }
}
