//! Runs a command line of one of the tools and captures its answer.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::lab;
use crate::root::Root;
use crate::sandbox;

/// The implementation to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Our binary, from this build.
    Ours,
    /// The reference kmod.
    Theirs,
}

/// What a standard stream is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// A pipe that the test reads until end of file.
    Captured,
    /// The descriptor is closed.
    Closed,
    /// `/dev/full`: every write fails with ENOSPC.
    Full,
    /// A pipe whose read end is closed.
    Broken,
}

/// A command line to run on either side. `argv[0]` is `/sbin/TOOL` on both.
#[derive(Debug, Clone)]
pub struct Run {
    argv0: OsString,
    /// A program to run instead of the tool itself.
    program: Option<PathBuf>,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: Option<PathBuf>,
    root: Option<PathBuf>,
    stdout: Stream,
    stderr: Stream,
    sigpipe: libc::sighandler_t,
    /// The errno that getrandom returns, if it is to fail.
    no_random: Option<i32>,
}

/// The result of a command.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The exit code, or 128 + n if signal n killed the command.
    pub code: i32,
    /// Captured standard output.
    pub stdout: Vec<u8>,
    /// Captured standard error.
    pub stderr: Vec<u8>,
}

impl Answer {
    /// Returns standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Returns standard error as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Returns the exit code and both outputs, for comparison with literals.
    pub fn triple(&self) -> (i32, String, String) {
        (self.code, self.stdout_text(), self.stderr_text())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\nexit code {}\nstdout: {}\nstderr: {}\n",
            self.code,
            self.stdout.escape_ascii().to_string().replace("\\n", "\n        "),
            self.stderr.escape_ascii().to_string().replace("\\n", "\n        ")
        )
    }
}

impl Run {
    /// Creates a command line that runs `tool` without arguments.
    pub fn new(tool: &str) -> Self {
        Self {
            argv0: format!("/sbin/{tool}").into(),
            program: None,
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
            root: None,
            stdout: Stream::Captured,
            stderr: Stream::Captured,
            sigpipe: libc::SIG_DFL,
            no_random: None,
        }
    }

    /// Creates a shell script, which finds the tools of the side in its `PATH`.
    pub fn shell(script: &str) -> Self {
        Self { program: Some("/bin/sh".into()), ..Self::new("sh") }.args(["-c", script])
    }

    /// Sets `argv[0]`.
    #[must_use]
    pub fn argv0(mut self, argv0: impl AsRef<OsStr>) -> Self {
        self.argv0 = argv0.as_ref().into();
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().into()));
        self
    }

    /// Sets an environment variable. Other than these, the environment has only `PATH` and `LC_ALL=C`.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn cwd(mut self, dir: impl AsRef<Path>) -> Self {
        self.cwd = Some(dir.as_ref().into());
        self
    }

    /// Runs the command with `root` as its file system; see the module `sandbox`.
    #[must_use]
    pub fn inside(mut self, root: &Root) -> Self {
        self.root = Some(root.path(""));
        self
    }

    /// Sets what standard output is connected to.
    #[must_use]
    pub fn stdout(mut self, stream: Stream) -> Self {
        self.stdout = stream;
        self
    }

    /// Sets what standard error is connected to.
    #[must_use]
    pub fn stderr(mut self, stream: Stream) -> Self {
        self.stderr = stream;
        self
    }

    /// Starts the command with SIGPIPE ignored. By default the signal has its default action.
    #[must_use]
    pub fn ignore_sigpipe(mut self) -> Self {
        self.sigpipe = libc::SIG_IGN;
        self
    }

    /// Makes getrandom fail with this errno for the command and its children, as on kernels before 3.17 or under a seccomp
    /// filter. Inside a tree, there is no `/dev/random` and no `/dev/urandom` either.
    #[must_use]
    pub fn no_random(mut self, errno: i32) -> Self {
        self.no_random = Some(errno);
        self
    }

    /// Runs the command.
    ///
    /// # Panics
    /// If the program, the sandbox, or the reference is missing.
    pub fn on(&self, side: Side) -> Answer {
        let output = self.command(side).and_then(|mut command| command.output());
        let output = output.unwrap_or_else(|error| panic!("{side:?} {self:?}: {error}"));
        let code = output.status.code().or(output.status.signal().map(|signal| 128 + signal));
        Answer { code: code.unwrap_or(-1), stdout: output.stdout, stderr: output.stderr }
    }

    fn command(&self, side: Side) -> io::Result<Command> {
        let binary = match side {
            Side::Ours => lab::ours(),
            Side::Theirs => lab::reference().expect("no reference kmod: run scripts/lab"),
        };
        let links = lab::links(&binary);
        let mut command = Command::new(self.program.as_ref().unwrap_or(&binary));
        command.arg0(&self.argv0).args(&self.args).env_clear().env("LC_ALL", "C");
        command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", links.display()));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(self.stdout.open()?).stderr(self.stderr.open()?);
        if let Some(dir) = &self.cwd {
            command.current_dir(dir);
        }
        if let Some(root) = &self.root {
            sandbox::confine(&mut command, root, self.no_random.is_none())?;
        }
        for (stream, descriptor) in [(self.stdout, 1), (self.stderr, 2)] {
            if stream == Stream::Closed {
                close_at_exec(&mut command, descriptor);
            }
        }
        set_sigpipe(&mut command, self.sigpipe);
        if let Some(errno) = self.no_random {
            refuse_random(&mut command, errno);
        }
        Ok(command)
    }
}

impl Stream {
    fn open(self) -> io::Result<Stdio> {
        Ok(match self {
            Self::Captured => Stdio::piped(),
            Self::Closed => Stdio::null(),
            Self::Full => File::options().write(true).open("/dev/full")?.into(),
            Self::Broken => {
                let (reader, writer) = io::pipe()?;
                drop(reader);
                writer.into()
            }
        })
    }
}

#[allow(unsafe_code)]
fn close_at_exec(command: &mut Command, descriptor: i32) {
    // SAFETY: close is async-signal-safe; the standard stream belongs to the child.
    unsafe {
        command.pre_exec(move || {
            libc::close(descriptor);
            Ok(())
        });
    }
}

/// Sets the action explicitly, since the test runner may have been started with another one.
#[allow(unsafe_code)]
fn set_sigpipe(command: &mut Command, action: libc::sighandler_t) {
    // SAFETY: signal is async-signal-safe and changes only the child.
    unsafe {
        command.pre_exec(move || {
            libc::signal(libc::SIGPIPE, action);
            Ok(())
        });
    }
}

/// Installs a seccomp filter that answers getrandom with this errno.
#[allow(unsafe_code)]
fn refuse_random(command: &mut Command, errno: i32) {
    let errno = u32::from(u16::try_from(errno).unwrap_or(u16::MAX));
    let getrandom = u32::try_from(libc::SYS_getrandom).unwrap_or(u32::MAX);
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: u16::try_from(code).unwrap_or(0), jt, jf, k };
    let mut filter = [
        // The system call's number is the first field of `seccomp_data`.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, getrandom),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    // SAFETY: prctl is async-signal-safe and changes only the child; the program points to the filter, which the closure
    // owns.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
            if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
            {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}
