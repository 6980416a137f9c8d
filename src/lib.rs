//! NexNum: providers' numbers as one live market, and the server that sells from it.

pub mod access;
pub mod attention;
pub mod cli;
pub mod clock;
mod config_value;
pub mod digest;
pub mod face;
pub mod http;
pub mod json;
mod kept_file;
pub mod keys;
pub mod logs;
pub mod market;
pub mod message;
pub mod metrics;
pub mod money;
pub mod network;
pub mod order;
pub mod provider;
pub mod public_id;
pub mod server;
pub mod supervisor;
pub mod supply;
pub mod worker;
