//! NexNum: providers' numbers as one live market, and the server that sells from it.

pub mod bench;
pub mod http;
pub mod provider;
