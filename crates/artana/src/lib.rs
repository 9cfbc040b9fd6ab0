//! Durable execution kernel for AI agents: the facade.
