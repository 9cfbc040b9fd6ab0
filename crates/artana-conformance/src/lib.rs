//! The laws every Artana store passes, each with the saboteur that only it catches.
