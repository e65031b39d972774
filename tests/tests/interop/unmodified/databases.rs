//! Databases, and PgBouncer before one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use realpeer_tests::harness::{Setup, eventually, mysql};

use crate::unmodified::program::{Program, Seen, at_once};

/// The client is asked for at the administration console, by the client itself.
pub(crate) const PGBOUNCER: Program = Program {
    name: "PgBouncer",
    setup: Setup {
        version: &["pgbouncer", "--version"],
        files: &[(
            "pgbouncer.ini",
            "[databases]
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir = {dir}
user = nobody
auth_type = any
admin_users = probe
",
        )],
        command: &["pgbouncer", "{dir}/pgbouncer.ini"],
    },
    ready: at_once,
    ask: |_, stream| {
        let mut client = Postgres::log_in(stream.try_clone().unwrap(), "pgbouncer")?;
        // Whoever was here before may not be gone yet.
        let rows = eventually("nobody else is there", || {
            Some(client.query("SHOW CLIENTS")).filter(|rows| rows.len() == 1)
        });
        let column = |name| rows[0][client.columns.iter().position(|column| column == name).unwrap()].clone();
        Some(Seen::with_port(&format!("{}:{}", column("addr"), column("port"))))
    },
    otherwise: &[],
};

/// With a newer C library.
pub(crate) const PGBOUNCER_TRIXIE: Program = Program {
    name: "PgBouncer, glibc 2.41",
    setup: Setup {
        version: &["pgbouncer-trixie", "--version"],
        command: &["pgbouncer-trixie", "{dir}/pgbouncer.ini"],
        ..PGBOUNCER.setup
    },
    ..PGBOUNCER
};

/// The second takes the listening socket from the first, which then ends.
pub(crate) const PGBOUNCER_RESTARTED: Program = Program {
    name: "PgBouncer, after -R",
    setup: Setup {
        files: &[
            PGBOUNCER.setup.files[0],
            (
                "start.sh",
                "pgbouncer {dir}/pgbouncer.ini &
until [ -S {dir}/.s.PGSQL.{port} ]; do sleep 0.02; done
exec pgbouncer -R {dir}/pgbouncer.ini
",
            ),
        ],
        command: &["sh", "start.sh"],
        ..PGBOUNCER.setup
    },
    ready: |server| {
        server
            .process
            .stderr
            .find("the first PgBouncer ends", |line| line.contains("old process killed, resuming work"));
    },
    ..PGBOUNCER
};

pub(crate) const POSTGRESQL: Program = Program {
    name: "PostgreSQL",
    setup: Setup {
        version: &["psql", "--version"],
        files: &[(
            "start.sh",
            "PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
as='setpriv --reuid postgres --regid postgres --clear-groups env LC_ALL=C'
$as initdb --no-sync --auth trust --no-instructions -U probe -D {dir}/data >/dev/null
echo 'host all all all trust' >>{dir}/data/pg_hba.conf
exec $as postgres -D {dir}/data -h {host} -p {port} -k {dir} -c fsync=off
",
        )],
        command: &["sh", "start.sh"],
    },
    ready: |server| {
        server
            .process
            .stderr
            .find("PostgreSQL is ready", |line| line.contains("ready to accept connections"));
    },
    ask: |_, stream| {
        let rows = Postgres::log_in(stream.try_clone().unwrap(), "postgres")?
            .query("SELECT host(inet_client_addr()) || ':' || inet_client_port()");
        Some(Seen::with_port(&rows[0][0]))
    },
    otherwise: &[],
};

pub(crate) const REDIS: Program = Program {
    name: "redis",
    setup: Setup {
        version: &["redis-server", "--version"],
        files: &[(
            "redis.conf",
            "bind {host}
port {port}
protected-mode no
save \"\"
dir {dir}
",
        )],
        command: &["redis-server", "{dir}/redis.conf"],
    },
    ready: at_once,
    ask: |_, mut stream| {
        let _ = stream.write_all(b"CLIENT INFO\r\n");
        let mut answer = BufReader::new(stream).lines();
        // First its length.
        answer.next()?.ok()?;
        let line = answer.next()?.ok()?;
        let address = line.split(' ').find_map(|word| word.strip_prefix("addr="));
        Some(Seen::with_port(address.unwrap_or_else(|| panic!("{line}"))))
    },
    otherwise: &[],
};

pub(crate) const MEMCACHED: Program = Program {
    name: "memcached -t 4",
    setup: Setup {
        version: &["memcached", "--version"],
        files: &[],
        command: &["memcached", "-t", "4", "-u", "nobody", "-U", "0", "-l", "{host}", "-p", "{port}"],
    },
    ready: at_once,
    ask: |_, mut stream| {
        // Each connection has a line `STAT 27:addr tcp:203.0.113.7:40001`, and those that listen another one.
        let mut lines = BufReader::new(stream).lines();
        eventually("nobody else is there", || {
            let _ = stream.write_all(b"stats conns\r\n");
            let mut clients = Vec::new();
            loop {
                let Some(Ok(line)) = lines.next() else { return Some(None) };
                if line == "END" {
                    break;
                }
                let (_, field) = line.split_once(':').unwrap();
                match field.split_once(' ') {
                    Some(("addr", address)) => clients.push(address.to_owned()),
                    Some(("state", "conn_listening")) => drop(clients.pop()),
                    _ => {}
                }
            }
            let [address] = &clients[..] else { return None };
            let (_, address) = address.split_once(':').unwrap();
            Some(Some(Seen::with_port(address)))
        })
    },
    otherwise: &[],
};

pub(crate) const MARIADB: Program = Program {
    name: "MariaDB",
    setup: mysql::MARIADB,
    ready: at_once,
    ask: |_, stream| Some(Seen::with_port(&mysql::process_list(stream)?)),
    otherwise: &[],
};

/// As much of its protocol as it takes to ask a question.
struct Postgres {
    stream: TcpStream,
    /// Of the last answer.
    columns: Vec<String>,
}

impl Postgres {
    /// As the user `probe`, without a password. None if the server closes the connection.
    fn log_in(mut stream: TcpStream, database: &str) -> Option<Self> {
        let words = format!("\0\x03\0\0user\0probe\0database\0{database}\0\0");
        let _ = stream.write_all(&[&length(words.len()), words.as_bytes()].concat());
        let mut client = Self { stream, columns: Vec::new() };
        loop {
            match client.message()? {
                (b'Z', _) => return Some(client),
                (b'E', text) => panic!("{}", String::from_utf8_lossy(&text)),
                _ => {}
            }
        }
    }

    /// The rows of the answer, as text.
    fn query(&mut self, query: &str) -> Vec<Vec<String>> {
        let query = [query.as_bytes(), b"\0"].concat();
        self.stream.write_all(&[b"Q", &length(query.len())[..], &query].concat()).unwrap();
        let mut rows = Vec::new();
        loop {
            match self.message().expect("an answer to the query") {
                (b'T', description) => self.columns = columns(&description),
                (b'D', row) => rows.push(values(&row)),
                (b'E', text) => panic!("{}", String::from_utf8_lossy(&text)),
                (b'Z', _) => return rows,
                _ => {}
            }
        }
    }

    /// Its kind, and what is in it.
    fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; length as usize - 4];
        self.stream.read_exact(&mut body).ok()?;
        Some((head[0], body))
    }
}

/// Of a message with this much in it: it counts itself.
fn length(of: usize) -> [u8; 4] {
    u32::try_from(of + 4).unwrap().to_be_bytes()
}

/// The names in a row description: after each come 18 bytes.
fn columns(mut description: &[u8]) -> Vec<String> {
    let mut columns = Vec::new();
    description = &description[2..];
    while let Some(end) = description.iter().position(|byte| *byte == 0) {
        columns.push(String::from_utf8(description[..end].to_vec()).unwrap());
        description = &description[end + 1 + 18..];
    }
    columns
}

/// The values of a row, each with its length before it. NULL is empty.
fn values(mut row: &[u8]) -> Vec<String> {
    let mut values = Vec::new();
    row = &row[2..];
    while let Some((length, rest)) = row.split_first_chunk::<4>() {
        let (value, rest) = rest.split_at(usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0));
        values.push(String::from_utf8(value.to_vec()).unwrap());
        row = rest;
    }
    values
}
