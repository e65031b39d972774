//! What servers do on every runtime. What is under test is the server's side; clients are blocking sockets.

pub mod bound;
pub mod broken;
pub mod buffered;
pub mod cancel;
pub mod crowd;
pub mod deadline;
pub mod detect;
pub mod dying;
pub mod endpoints;
pub mod once;
pub mod payload;
pub mod policy;
pub mod resources;
pub mod sending;
pub mod streams;
pub mod taken;
pub mod udp;
pub mod vectors;
