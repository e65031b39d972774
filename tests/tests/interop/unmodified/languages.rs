//! What languages bring along to accept connections, and servers written in them.

use std::net::TcpStream;

use realpeer_tests::harness::{Server, Setup, until_closed};

use crate::unmodified::program::{NO_ROOM, Program, Seen, at_once};
use crate::unmodified::web::http;

pub(crate) const JAVA_BLOCKING: Program = Program {
    name: "Java, ServerSocket",
    setup: Setup {
        version: &["java", "--version"],
        files: &[("Blocking.java", include_str!("../../../servers/Blocking.java"))],
        command: &["java", "{dir}/Blocking.java", "{host}", "{port}"],
    },
    ready: at_once,
    ask: line,
    otherwise: &[],
};

pub(crate) const JAVA_NIO: Program = Program {
    name: "Java, NIO",
    setup: Setup {
        version: &["java", "--version"],
        files: &[("Nio.java", include_str!("../../../servers/Nio.java"))],
        command: &["java", "{dir}/Nio.java", "{host}", "{port}"],
    },
    ..JAVA_BLOCKING
};

pub(crate) const NODE: Program = Program {
    name: "node",
    setup: Setup {
        version: &["node", "--version"],
        files: &[("node.js", include_str!("../../../servers/node.js"))],
        command: &["node", "{dir}/node.js", "{host}", "{port}"],
    },
    ready: at_once,
    ask: http,
    otherwise: &[],
};

pub(crate) const NODE_CLUSTER: Program = Program {
    name: "node, cluster of 2",
    setup: Setup { command: &["node", "{dir}/node.js", "{host}", "{port}", "cluster"], ..NODE.setup },
    ..NODE
};

pub(crate) const PYTHON_HTTP: Program = Program {
    name: "Python, http.server",
    setup: Setup {
        version: &["python3", "--version"],
        files: &[("plain.py", include_str!("../../../servers/plain.py"))],
        command: &["python3", "{dir}/plain.py", "http", "{host}", "{port}"],
    },
    ready: at_once,
    ask: http,
    otherwise: &[NO_ROOM],
};

pub(crate) const PYTHON_ASYNCIO: Program = Program {
    name: "Python, asyncio",
    setup: Setup {
        command: &["python3", "{dir}/plain.py", "asyncio", "{host}", "{port}"],
        ..PYTHON_HTTP.setup
    },
    ask: line,
    ..PYTHON_HTTP
};

pub(crate) const PYTHON_THREADS: Program = Program {
    name: "Python, 4 threads in accept",
    setup: Setup {
        command: &["python3", "{dir}/plain.py", "threads", "{host}", "{port}"],
        ..PYTHON_HTTP.setup
    },
    ask: line,
    ..PYTHON_HTTP
};

pub(crate) const GUNICORN: Program = Program {
    name: "gunicorn -w 2",
    setup: Setup {
        version: &["{venv}/bin/gunicorn", "--version"],
        files: &[(
            "page.py",
            "def application(environ, start):
    start('200 OK', [('Connection', 'close')])
    return [f\"{environ['REMOTE_ADDR']}:{environ['REMOTE_PORT']}\".encode()]
",
        )],
        command: &["{venv}/bin/gunicorn", "-w", "2", "-b", "{address}", "page"],
    },
    ready: at_once,
    ask: http,
    otherwise: &[NO_ROOM],
};

pub(crate) const PUMA: Program = Program {
    name: "puma",
    setup: Setup {
        version: &["puma", "--version"],
        files: &[(
            "config.ru",
            "run lambda { |env|
  number = env['puma.socket'].remote_address.ip_port
  [200, { 'Connection' => 'close' }, [\"#{env['REMOTE_ADDR']}:#{number}\"]]
}
",
        )],
        command: &["puma", "-b", "tcp://{address}", "config.ru"],
    },
    ready: at_once,
    ask: http,
    otherwise: &[],
};

pub(crate) const PUMA_WORKERS: Program = Program {
    name: "puma -w 2",
    setup: Setup { command: &["puma", "-w", "2", "-b", "tcp://{address}", "config.ru"], ..PUMA.setup },
    ..PUMA
};

/// Reads the only line, an address and a port, that the server sends on its own.
fn line(_: &Server, stream: &TcpStream) -> Option<Seen> {
    let said = String::from_utf8(until_closed(stream)).unwrap();
    (!said.is_empty()).then(|| Seen::with_port(&said))
}
