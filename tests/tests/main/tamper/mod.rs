//! Ledgers that are tampered with behind the store's back: every bit of every stored column, and rows
//! that are cut, swapped, moved and forged. Nothing goes unnoticed and nothing panics; what only an
//! anchor kept elsewhere could tell is pinned as not found.

mod bits;
mod driven;
mod forks;
mod ledger;
mod names;
mod rows;
mod table;
