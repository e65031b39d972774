//! docs/runtimes.md: which behaviour is tested on which runtime, and by how many tests.

use std::env;
use std::fmt::Write as _;
use std::process::Command;

use realpeer_tests::page::check;

/// The runtimes, by the modules of their tests.
const RUNTIMES: [(&str, &str); 7] = [
    ("on_std", "std"),
    ("on_tokio_current_thread", "tokio, one thread"),
    ("on_tokio_multi_thread", "tokio, several"),
    ("on_smol", "smol"),
    ("on_async_std", "async-std"),
    ("on_futures_io", "futures-io"),
    ("on_compio", "compio"),
];

/// The behaviours in the words of the page, and their tests.
const BEHAVIOURS: &[(&str, &[&str])] = &[
    (
        "every vector and capture over a real socket in odd fragments",
        &["every_row_in_odd_fragments", "every_row_in_odd_fragments_with_a_ready_listener"],
    ),
    (
        "one handshake a connection: resumed after a dropped call, and never a second",
        &[
            "a_second_handshake_gives_the_same_and_reads_nothing",
            "the_deadline_counts_from_the_accept",
            "a_dropped_handshake_is_resumed",
            "a_dropped_handshake_believes_no_later_header",
            "a_handshake_dropped_again_and_again_ends_in_time",
        ],
    ),
    (
        "what a failed handshake took off the connection can be had back",
        &[
            "bytes_taken_before_a_failure_can_be_had_back",
            "bytes_taken_before_the_deadline_can_be_had_back",
            "bytes_taken_through_a_buffer_can_be_had_back",
            "bytes_taken_off_any_stream_can_be_had_back",
        ],
    ),
    (
        "a listener that fails or is drained strands nobody, and says whom it rejects",
        &[
            "a_listener_that_fails_strands_nobody",
            "a_drained_listener_hands_out_the_pending_and_accepts_nobody",
            "rejected_connections_reach_the_hook",
        ],
    ),
    (
        "no error without end, and no error queue, makes a thread spin",
        &[
            "an_error_without_end_is_reported_and_makes_nobody_spin",
            "an_error_queue_is_not_readable",
            "buffered_error_queue_is_not_readable",
        ],
    ),
    (
        "bytes after the header are all there, in order",
        &[
            "one_segment_with_the_header",
            "a_megabyte_behind_the_header",
            "r5_a_second_header_is_payload",
            "urgent_data",
            "long_headers",
        ],
    ),
    ("what is no header is left unread", &["what_is_no_header_is_left_unread"]),
    (
        "a deadline for the whole header, which a drip of bytes does not outlive",
        &[
            "a_drip_does_not_outlive_it",
            "silence_is_ended",
            "what_came_in_time_counts_however_late_it_is_looked_at",
            "a_header_below_the_low_water_mark_is_found_at_the_deadline",
        ],
    ),
    (
        "through a buffer that reads ahead: nothing but the header is taken out of it, in time",
        &[
            "buffered_every_row_in_odd_fragments",
            "buffered_every_row_of_any_stream",
            "buffered_deadline",
            "buffered_bytes_that_are_no_header_are_left",
            "buffered_bytes_may_be_there_already",
            "buffered_and_dropped_in_the_header_loses_no_more",
            "r13_buffered_peers_are_not_read_from_if_refused_or_bypassed",
        ],
    ),
    ("no deadline after the header", &["is_over_with_the_header"]),
    (
        "dropped futures lose no connection, no byte, no descriptor",
        &[
            "listener_accept_loses_no_connection",
            "ready_accept_loses_no_connection_and_no_byte",
            "handshake_before_a_byte_came_loses_nothing",
            "handshake_in_the_header_loses_what_came_of_it_and_no_more",
            "dropped_futures_leak_no_descriptor",
        ],
    ),
    ("what waits is not polled", &["silence_is_not_polled", "silent_socket_is_not_polled"]),
    (
        "a bound on pending handshakes",
        &[
            "max_pending_is_never_exceeded",
            "with_the_bound_reached_nothing_is_accepted",
            "newcomers_do_not_starve_the_pending",
        ],
    ),
    (
        "the policy comes before any byte, and refused peers take no slot",
        &[
            "r12_refused_peers_take_no_slot",
            "r13_refused_and_bypassed_peers_are_not_read_from",
            "r12_detection_loses_no_byte_at_any_cut",
            "r12_a_silent_peer_has_no_header_only_where_the_caller_says_so",
            "r13_mapped_peers_are_judged_by_their_ipv4_address",
            "r13_an_abstract_name_with_a_nul_more_is_not_believed",
            "is_asked_once_a_connection",
        ],
    ),
    (
        "a panic costs one connection",
        &[
            "a_panic_in_it_reaches_the_caller_and_costs_one_connection",
            "a_panic_of_the_server_after_accepting_costs_one_connection",
        ],
    ),
    (
        "a thousand silent peers, and a good one gets through at once",
        &[
            "a_thousand_silent_peers_delay_nobody",
            "a_thousand_silent_peers_delay_nobody_with_a_ready_listener",
            "several_may_accept_at_once",
        ],
    ),
    (
        "out of file descriptors: a pause, then on; none is leaked",
        &["out_of_descriptors", "out_of_descriptors_with_a_ready_listener", "no_descriptor_is_leaked"],
    ),
    (
        "UNIX sockets, at a path and with an abstract name",
        &["unix_listener_at_a_path", "unix_listener_with_an_abstract_name", "unix_addresses_in_the_header"],
    ),
    ("dual-stack listeners and `::ffff:` peers", &["dual_stack_listener_and_mapped_peers"]),
    (
        "half-close and reset within a header, and headers not allowed",
        &[
            "r57_half_close_in_the_header",
            "r57_cut_off_at_every_byte",
            "reset_in_the_header",
            "r3_versions_and_lengths_not_allowed",
        ],
    ),
    (
        "LOCAL, and health checks without a byte, are told as such; who is who; kinds and counts",
        &[
            "r31_r36_r39_real_ones_where_the_header_has_none",
            "leaving_without_a_byte",
            "of_the_header",
            "kinds_and_counts",
        ],
    ),
    (
        "sending: header and payload in one write, or nothing",
        &[
            "r4_header_and_payload_are_one_segment",
            "r4_a_header_is_flushed",
            "to_our_own_listener",
            "to_our_own_unix_listener",
            "what_cannot_be_encoded_is_not_sent",
        ],
    ),
    (
        "UDP, received: each datagram independently, complete or with an error of its own",
        &[
            "r9_every_row_with_payload_in_one_datagram",
            "r10_a_header_split_over_datagrams_is_refused",
            "r11_each_datagram_is_parsed_afresh",
            "payload_of_a_datagram",
            "datagram_larger_than_the_buffer",
            "r11_datagrams_that_may_have_been_joined_are_refused",
            "endpoints_of_a_datagram",
            "dual_stack_socket_and_mapped_peers",
            "policy_is_asked_once_a_datagram",
            "kinds_and_counts_of_datagrams",
            "errors_of_the_socket_are_not_a_datagrams",
            "several_may_receive_at_once",
        ],
    ),
    ("UDP, and futures dropped", &["dropped_futures_lose_no_datagram"]),
    (
        "UDP, sent: header and payload in one datagram, or nothing",
        &[
            "r9_sent_in_one_datagram",
            "sent_to_our_own_receiver_and_on",
            "datagram_that_cannot_be_is_not_sent",
        ],
    ),
    (
        "streams of any kind, no sockets",
        &["every_row", "every_row_over_tcp", "deadline", "errors", "r4_sent_in_one_write"],
    ),
];

#[test]
fn the_page() {
    let list = Command::new(env::current_exe().unwrap()).arg("--list").output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let tests: Vec<_> =
        list.lines().filter_map(|line| line.strip_suffix(": test")?.split_once("::")).collect();
    check(
        "runtimes.md",
        "behaviours",
        &table(&tests),
        str::to_owned,
        "cargo test -p realpeer-tests --test runtimes",
    );
}

/// The tests, given by module and name, as a table. Panics if one has no place in it, or a place no test.
fn table(tests: &[(&str, &str)]) -> String {
    let on =
        |module| tests.iter().filter(move |test| test.0 == module).map(|test| test.1).collect::<Vec<_>>();
    let columns = RUNTIMES.map(|(module, _)| on(module));
    for (module, name) in tests {
        let listed = RUNTIMES.iter().any(|(runtime, _)| runtime == module);
        assert!(
            listed || !module.starts_with("on_"),
            "{module}::{name} runs on a runtime that is not in RUNTIMES"
        );
    }
    let known: Vec<_> = BEHAVIOURS.iter().flat_map(|(_, tests)| *tests).copied().collect();
    for test in columns.iter().flatten() {
        let places = known.iter().filter(|known| *known == test).count();
        assert_eq!(places, 1, "rows of page.rs that name {test}");
    }

    let mut table = format!("| behaviour | {} |\n", RUNTIMES.map(|(_, name)| name).join(" | "));
    writeln!(table, "|---|{}", "---|".repeat(RUNTIMES.len())).unwrap();
    for (behaviour, names) in BEHAVIOURS {
        for name in *names {
            assert!(columns.iter().any(|tests| tests.contains(name)), "there is no test {name}");
        }
        let count = |tests: &Vec<&str>| match tests.iter().filter(|test| names.contains(test)).count() {
            0 => String::new(),
            count => count.to_string(),
        };
        writeln!(table, "| {behaviour} | {} |", columns.each_ref().map(count).join(" | ")).unwrap();
    }
    let totals = columns.each_ref().map(|tests| tests.len().to_string());
    writeln!(table, "| in all | {} |", totals.join(" | ")).unwrap();
    let (std, tokio) = (on("std_only").len(), on("tokio_only").len());
    write!(table, "\nBesides these, {std} tests of what only std has, and {tokio} of what only tokio has.")
        .unwrap();
    table
}
