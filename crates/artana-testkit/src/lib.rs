//! A strict in-memory store, simulated clocks, a provider that keeps its own book, and fault injection for testing Artana programs.
