//! The command line of Artana.
