//! Tests of the whole pipeline and of its stages.

mod fuzz;
mod stages;
