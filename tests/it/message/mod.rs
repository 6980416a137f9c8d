//! What is read in messages: measured on the corpus, and as a command.

mod command;
mod corpus;
