//! Tests of the kernel through its public face, over a store in memory and a clock that tests move.

mod smoke;
mod world;
