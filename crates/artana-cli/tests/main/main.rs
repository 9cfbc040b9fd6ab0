//! The command line as its users meet it: the real binary, real files, real processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod codes;
mod demo;
mod enqueue;
mod explain;
mod follow;
mod forks;
mod init;
mod kept;
mod listing;
mod looks;
mod migrate;
mod own_binary;
mod people;
mod pipes;
mod postgres;
mod programs;
mod progress;
mod stories;
mod support;
mod verbs;
mod waiting;
mod working;
