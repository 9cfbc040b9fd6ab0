//! Every pair of state and event of the model cycle, and what follows from it.
