//! Pure domain types of Artana: ledger format, hash chain, fold, replay decisions and verification.
