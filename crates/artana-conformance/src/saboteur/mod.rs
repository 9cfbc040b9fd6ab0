//! Stores that are wrong in one way each, to prove that the laws bite.
