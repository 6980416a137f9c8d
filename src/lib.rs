//! NexNum: providers' numbers as one live market, and the server that sells from it.

pub mod app;
pub mod bench;
pub mod boot;
pub mod cli;
pub mod clock;
pub mod config;
pub mod digest;
pub mod history;
pub mod http;
pub mod keys;
pub mod logs;
pub mod market;
pub mod metrics;
pub mod provider;
pub mod read_model;
pub mod replay;
pub mod sequencer;
pub mod server;
pub mod trade;
pub mod verify;
pub mod worker;
