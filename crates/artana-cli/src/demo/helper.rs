//! The helper processes as the demonstration holds them: started from this very binary, heard line
//! by line, and ended by their own handle whatever happens.

use std::{
    env,
    ffi::OsString,
    fmt,
    io::{self, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use super::{
    trouble,
    wire::{Says, read_line},
};
use crate::failure::Failure;

/// How long a helper may keep silent before the demonstration is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which helper it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Provider,
    FirstWorker,
    SecondWorker,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "provider",
            Self::FirstWorker => "first worker",
            Self::SecondWorker => "second worker",
        })
    }
}

/// Who said it, and what; nothing where the helper has ended.
type Heard = (Role, Option<Says>);

/// Hears all helpers in the order in which they speak.
#[derive(Debug)]
pub(super) struct Ear {
    mouth: Sender<Heard>,
    heard: Receiver<Heard>,
}

impl Ear {
    pub(super) fn new() -> Self {
        let (mouth, heard) = mpsc::channel();
        Self { mouth, heard }
    }

    /// Waits for what one of these helpers says next; none of them may end meanwhile.
    pub(super) fn hear(&self, from: &[Role]) -> Result<Says, Failure> {
        loop {
            match self.next()? {
                (role, Some(Says::Failed { why })) => return Err(trouble(&format!("the {role} gave up"), why)),
                (role, Some(says)) if from.contains(&role) => return Ok(says),
                (role, None) if from.contains(&role) => {
                    return Err(trouble("the demonstration", format!("the {role} ended")));
                }
                _ => {}
            }
        }
    }

    /// Waits until a helper has ended.
    fn end_of(&self, role: Role) -> Result<(), Failure> {
        while self.next()? != (role, None) {}
        Ok(())
    }

    fn next(&self) -> Result<Heard, Failure> {
        self.heard.recv_timeout(PATIENCE).map_err(|error| trouble("no helper is heard any more", error))
    }
}

/// A helper process. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Helper {
    role: Role,
    child: Child,
}

impl Helper {
    /// Starts a helper. Its standard input stays open for as long as this process lives.
    pub(super) fn start(role: Role, args: Vec<OsString>, ear: &Ear) -> Result<Self, Failure> {
        let failed = |error: io::Error| trouble(&format!("the {role} cannot be started"), error);
        let mut child = Command::new(env::current_exe().map_err(failed)?)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut lines = BufReader::new(child.stdout.take().expect("standard output was piped"));
        let mouth = ear.mouth.clone();
        // Nobody listens any more where a demonstration was given up.
        thread::spawn(move || {
            while let Ok(Some(says)) = read_line(&mut lines) {
                mouth.send((role, Some(says))).ok();
            }
            mouth.send((role, None)).ok();
        });
        Ok(Self { role, child })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the helper with SIGKILL, and checks that this is what it died of.
    pub(super) fn kill(mut self) -> Result<(), Failure> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        let status = killed.map_err(|error| trouble(&format!("the {} cannot be killed", self.role), error))?;
        if died_of_sigkill(status) {
            return Ok(());
        }
        Err(trouble(&format!("the {} was to die of SIGKILL", self.role), status))
    }

    /// Waits until the helper has ended by itself.
    pub(super) fn end(mut self, ear: &Ear) -> Result<(), Failure> {
        ear.end_of(self.role)?;
        self.child.wait().map(drop).map_err(|error| trouble(&format!("the {} cannot be waited for", self.role), error))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(unix)]
fn died_of_sigkill(status: ExitStatus) -> bool {
    const SIGKILL: i32 = 9;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGKILL)
}

#[cfg(not(unix))]
fn died_of_sigkill(status: ExitStatus) -> bool {
    !status.success()
}
