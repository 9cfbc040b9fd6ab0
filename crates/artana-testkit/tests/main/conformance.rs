//! The store in memory keeps every law of stores, scripted models those of models, closures those of tools.

mod model;
mod store;
mod tool;
