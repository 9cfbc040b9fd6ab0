//! The SQLite store of Artana.
