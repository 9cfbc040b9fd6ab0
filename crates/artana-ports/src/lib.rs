//! The traits through which Artana meets stores, models, tools, clocks and randomness.
