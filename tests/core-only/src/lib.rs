//! Verifies an exported ledger with nothing but artana-core.
