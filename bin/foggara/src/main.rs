//! The foggara command.
fn main() {}
