//! The `foggara` command: parses, wires, and exits with a code that says what happened.

mod commands;
mod config;
mod exit;
mod flags;
mod logs;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// An embeddable rollup sequencer for AI assets.
#[derive(Debug, Parser)]
#[command(name = "foggara", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// L1 simulator, sequencer, batcher, verifier and RPC in one process
    Dev(flags::NodeFlags),
    /// Builds blocks and posts them to an L1
    Sequencer(flags::NodeFlags),
    /// Derives the chain from an L1 alone and serves it
    Replica(flags::NodeFlags),
    /// Decodes what stands on L1 to JSON
    #[command(subcommand)]
    Inspect(commands::inspect::Inspect),
    /// Turns models into calls of the AI operations
    #[command(subcommand)]
    Model(commands::model::Model),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let outcome = match command {
        Command::Dev(flags) => commands::node::run(commands::node::Kind::Dev, &flags),
        Command::Sequencer(flags) => commands::node::run(commands::node::Kind::Sequencer, &flags),
        Command::Replica(flags) => commands::node::run(commands::node::Kind::Replica, &flags),
        Command::Inspect(what) => commands::inspect::run(&what),
        Command::Model(what) => commands::model::run(&what),
    };
    exit::code(outcome)
}
