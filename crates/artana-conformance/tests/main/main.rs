//! Tests of the suite itself.

mod saboteurs;
