//! The store in memory keeps every law of stores, scripted models those of models, closures those of tools, and so does
//! each where faults may be injected.

mod faults;
mod model;
mod store;
mod tool;
