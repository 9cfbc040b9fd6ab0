//! What the SQL stores have in common and no other crate needs: how the row of a run is read and
//! listed, and how followers are told.
//! It knows no driver, sends no statement, and holds no connection.

mod follow;
mod row;

pub use follow::{Followers, Following};
pub use row::{Pages, RunRow, at_seq, labels_text, listed};
