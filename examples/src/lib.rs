//! Small programs, one for each way of using `realpeer`. Each runs a whole round trip on loopback and fails unless
//! the server learnt its client's address: `cargo run -p realpeer-examples --bin manual_loop`.
