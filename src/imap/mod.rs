pub mod server;
pub mod syntax;
