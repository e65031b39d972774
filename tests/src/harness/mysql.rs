//! A database server, and as much of its protocol as it takes to ask who we are.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::Setup;

/// A server with one user, `root`, who may come from anywhere. More options can be added to the command.
pub const MARIADB: Setup = Setup {
    version: &["mariadbd", "--version"],
    files: &[
        ("data/.keep", ""),
        (
            "my.cnf",
            "[mariadbd]
user = root
datadir = {dir}/data
socket = {dir}/socket
pid-file = {dir}/pid
bind-address = {host}
port = {port}
skip-name-resolve
skip-innodb
default-storage-engine = Aria
",
        ),
        ("before.sql", "CREATE DATABASE mysql;\nUSE mysql;\n"),
        ("after.sql", "INSERT INTO global_priv VALUES ('%', 'root', '{}');\n"),
        (
            "start.sh",
            "set -e
cat before.sql /usr/share/mysql/mysql_system_tables.sql after.sql |
    mariadbd --defaults-file=my.cnf --bootstrap
exec mariadbd --defaults-file=my.cnf \"$@\"
",
        ),
    ],
    command: &["sh", "start.sh"],
};

/// Logs in as root, and returns what the process list says of this connection: `203.0.113.7:40001`. None if the server
/// refuses it.
pub fn process_list(stream: &TcpStream) -> Option<String> {
    const QUERY: u8 = 3;
    packet(stream)?; // the greeting
    // Protocol 4.1 with the plain old password, none; the most bytes a packet; UTF-8; the name.
    let mut login = vec![0; 32];
    login[..4].copy_from_slice(&0x0000_8200_u32.to_le_bytes());
    login[4..8].copy_from_slice(&0x0100_0000_u32.to_le_bytes());
    login[8] = 33;
    login.extend(b"root\0\0");
    send(stream, 1, &login);
    let welcome = packet(stream)?;
    let text = String::from_utf8_lossy(&welcome);
    if text.contains("Failed to parse proxy header") {
        return None;
    }
    assert_eq!(welcome[0], 0, "the login failed: {text}");
    let query = b"SELECT host FROM information_schema.processlist WHERE id = connection_id()";
    send(stream, 0, &[&[QUERY], &query[..]].concat());
    // How many columns, the column, the end of these; then the row, a string with its length before it.
    let [count, _, _, row] = [(); 4].map(|()| packet(stream).expect("an answer to the query"));
    assert_eq!(count, [1], "{}", String::from_utf8_lossy(&count));
    Some(String::from_utf8(row[1..].to_vec()).unwrap())
}

fn packet(mut stream: &TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).ok()?;
    let mut packet = vec![0; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
    stream.read_exact(&mut packet).ok()?;
    Some(packet)
}

fn send(mut stream: &TcpStream, number: u8, packet: &[u8]) {
    let mut head = u32::try_from(packet.len()).unwrap().to_le_bytes();
    head[3] = number;
    // It may have closed the connection, after which there is no answer.
    let _ = stream.write_all(&[&head, packet].concat());
}
