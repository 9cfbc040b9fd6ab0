//! The tests of Artana as a whole: processes that are killed, processes that compete, ledgers that are
//! tampered with.

mod advice;
mod canaries;
mod contest;
mod contradictions;
mod crowd;
mod failpoints;
mod flows;
mod frozen;
mod kills;
mod office;
mod oracle;
mod postgres;
mod process;
mod server;
mod sleepers;
mod tamper;
