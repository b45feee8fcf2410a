//! The adversary lab: campaigns of simulated runs, matrices of attacks, negative controls, statistics.

pub mod controls;
