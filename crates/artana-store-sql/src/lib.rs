//! What the SQL stores have in common and no other crate needs: how the row of a run is read and
//! listed, how followers are told, and which migrations are due.
//! It knows no driver, sends no statement, and holds no connection.

mod follow;
mod row;
mod schema;

pub use follow::{Followers, Following};
pub use row::{RunRow, at_seq, labels_text, listed};
pub use schema::{Identity, Migrated, Migration, Migrations};
