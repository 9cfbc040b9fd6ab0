//! The application layer of Artana: load, fold, decide, act once, seal, append.
