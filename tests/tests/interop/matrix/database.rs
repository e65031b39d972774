//! A database.

use std::io::Write;

use realpeer_tests::harness::Setup;
use realpeer_tests::harness::mysql::{MARIADB as SETUP, process_list};

use crate::matrix::cases;
use crate::matrix::receiver::{Answer, NO_536, NO_UNSPEC, Receiver, connect};

/// It takes connections without a header as well.
pub(crate) const MARIADB: Receiver = Receiver {
    name: "MariaDB",
    setup: Setup { command: &["sh", "start.sh", "--proxy-protocol-networks=127.0.0.0/8"], ..SETUP },
    cases: cases::stream,
    ask: |server, header| {
        let mut stream = connect(server);
        let own = stream.local_addr().unwrap();
        stream.write_all(header).unwrap();
        Answer { said: process_list(&stream), own }
    },
    tells: |peer| format!("{}:{}", peer.source.ip(), peer.source.port()),
    otherwise: &[NO_UNSPEC, NO_536],
};
