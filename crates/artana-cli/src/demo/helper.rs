//! The helper processes as the demonstration holds them: started from this very binary, heard line
//! by line, and ended by their own handle whatever happens.

use std::{
    env,
    ffi::OsString,
    io::{self, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
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

/// A helper process. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Helper {
    role: &'static str,
    child: Child,
    heard: Receiver<Says>,
}

impl Helper {
    /// Starts a helper. Its standard input stays open for as long as this process lives.
    pub(super) fn start(role: &'static str, args: Vec<OsString>) -> Result<Self, Failure> {
        let failed = |error: io::Error| trouble(&format!("the {role} cannot be started"), error);
        let mut child = Command::new(env::current_exe().map_err(failed)?)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut lines = BufReader::new(child.stdout.take().expect("standard output was piped"));
        let (hear, heard) = mpsc::channel();
        thread::spawn(move || {
            while let Ok(Some(says)) = read_line(&mut lines) {
                if hear.send(says).is_err() {
                    return;
                }
            }
        });
        Ok(Self { role, child, heard })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for what the helper says next.
    pub(super) fn hear(&self) -> Result<Says, Failure> {
        match self.heard.recv_timeout(PATIENCE) {
            Ok(Says::Failed { why }) => Err(trouble(&format!("the {} gave up", self.role), why)),
            Ok(says) => Ok(says),
            Err(error) => Err(trouble(&format!("the {} is not heard any more", self.role), error)),
        }
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
    pub(super) fn end(mut self) -> Result<(), Failure> {
        while self.heard.recv_timeout(PATIENCE).is_ok() {}
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
