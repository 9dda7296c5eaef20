//! Nothing that could be run.
