//! The floor under every append: handing work to a thread that syncs, and waking up on its answer,
//! with no store at all, beside the same sync on the calling thread.

use std::{fs::File, io::Write, time::Instant};

use anyhow::{Context, Result};
use tokio::sync::{mpsc, oneshot};

use crate::{
    report::{Line, micros},
    world::Size,
};

/// Prints what one sync costs through a thread of its own and without one, in interleaved pairs.
pub(crate) async fn sync_through_a_thread(size: &Size) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (work, mut inbox) = mpsc::channel::<oneshot::Sender<std::io::Result<()>>>(1);
    let mut theirs = File::create(dir.path().join("thread"))?;
    let thread = std::thread::spawn(move || {
        while let Some(reply) = inbox.blocking_recv() {
            reply.send(write(&mut theirs)).ok();
        }
    });
    let mut own = File::create(dir.path().join("own"))?;
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..size.steps {
        let began = Instant::now();
        let (reply, answer) = oneshot::channel();
        work.send(reply).await.ok().context("the thread listens")?;
        answer.await??;
        ours.push(micros(began.elapsed()));
        let began = Instant::now();
        write(&mut own)?;
        raw.push(micros(began.elapsed()));
    }
    drop(work);
    thread.join().ok().context("the thread ends")?;
    let (durability, unit, target) = ("fdatasync", "us", "reported only");
    Line { bench: "sync_through_a_thread", durability, unit, ours, raw, target, met: true }.print();
    Ok(())
}

/// About what a log gains by one append.
fn write(file: &mut File) -> std::io::Result<()> {
    file.write_all(&[0; 16 * 1024])?;
    file.sync_data()
}
