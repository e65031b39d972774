//! One suite for all adapters: each behaviour is one function, and one test on each runtime.
//!
//! - `runtime.rs`: what a runtime has to say of itself, and both ways of accepting.
//! - `std_blocking.rs`, `tokio.rs`, `smol.rs` and so on: a runtime each. To add one, write such a file and name it
//!   below; `adapter.rs` has what asynchronous ones have in common.
//! - `std_only.rs`, `tokio_only.rs`: what has no like elsewhere.
//! - `behaviour/`: the behaviours. Clients are plain sockets of std, so that only the server is under test.
//! - `client.rs`, `script.rs`, `harness.rs`: those clients, a scripted stream, and how a test is run.
//! - `load/`: the same servers with many thousands of connections, behind the feature `load`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]
#![allow(unreachable_pub, reason = "a test is nobody's library")]

#[macro_use]
mod adapter;
mod async_std;
mod behaviour;
mod client;
mod compio;
mod descriptors;
mod futures_io;
mod harness;
#[cfg(feature = "load")]
mod load;
mod runtime;
mod script;
mod smol;
mod std_blocking;
mod std_only;
mod tokio;
mod tokio_only;

/// The named behaviours on a runtime, one test each.
macro_rules! tests {
    ($runtime:ty: $($module:ident::$behaviour:ident,)+) => {
        $(
            #[test]
            fn $behaviour() {
                crate::harness::bounded(crate::behaviour::$module::$behaviour::<$runtime>);
            }
        )+
    };
}

/// The same, each in a process of its own, for those that count or use up what belongs to the whole process.
macro_rules! isolated_tests {
    ($runtime:ty: $($module:ident::$behaviour:ident,)+) => {
        $(
            #[test]
            fn $behaviour() {
                let name = concat!(module_path!(), "::", stringify!($behaviour));
                crate::harness::isolated(name, crate::behaviour::$module::$behaviour::<$runtime>);
            }
        )+
    };
}

/// What every adapter does, blocking or not.
macro_rules! sockets {
    ($runtime:ty) => {
        tests! { $runtime:
            vectors::every_row_in_odd_fragments,
            vectors::every_row_in_odd_fragments_with_a_ready_listener,
            payload::one_segment_with_the_header,
            payload::a_megabyte_behind_the_header,
            payload::r5_a_second_header_is_payload,
            payload::long_headers,
            deadline::a_drip_does_not_outlive_it,
            deadline::silence_is_ended,
            deadline::is_over_with_the_header,
            deadline::what_came_in_time_counts_however_late_it_is_looked_at,
            deadline::a_header_below_the_low_water_mark_is_found_at_the_deadline,
            once::a_second_handshake_gives_the_same_and_reads_nothing,
            once::the_deadline_counts_from_the_accept,
            taken::bytes_taken_before_a_failure_can_be_had_back,
            taken::bytes_taken_before_the_deadline_can_be_had_back,
            dying::a_listener_that_fails_strands_nobody,
            dying::a_drained_listener_hands_out_the_pending_and_accepts_nobody,
            dying::rejected_connections_reach_the_hook,
            dying::a_drained_established_listener_hands_out_who_passes,
            bound::max_pending_is_never_exceeded,
            bound::r12_refused_peers_take_no_slot,
            bound::with_the_bound_reached_nothing_is_accepted,
            bound::newcomers_do_not_starve_the_pending,
            policy::is_asked_once_a_connection,
            policy::r13_refused_and_bypassed_peers_are_not_read_from,
            detect::r12_detection_loses_no_byte_at_any_cut,
            detect::r12_a_silent_peer_has_no_header_only_where_the_caller_says_so,
            detect::r12_an_established_listener_hands_on_what_was_taken,
            policy::r13_mapped_peers_are_judged_by_their_ipv4_address,
            policy::r13_an_abstract_name_with_a_nul_more_is_not_believed,
            policy::a_panic_in_it_reaches_the_caller_and_costs_one_connection,
            policy::a_panic_of_the_server_after_accepting_costs_one_connection,
            crowd::a_thousand_silent_peers_delay_nobody,
            crowd::a_thousand_silent_peers_delay_nobody_with_a_ready_listener,
            crowd::several_may_accept_at_once,
            endpoints::r31_r36_r39_real_ones_where_the_header_has_none,
            endpoints::endpoints_come_from_the_header,
            endpoints::unix_listener_at_a_path,
            endpoints::unix_listener_with_an_abstract_name,
            endpoints::unix_addresses_in_the_header,
            endpoints::dual_stack_listener_and_mapped_peers,
            broken::r57_half_close_in_the_header,
            broken::reset_in_the_header,
            broken::r57_cut_off_at_every_byte,
            broken::leaving_without_a_byte,
            broken::r3_versions_and_lengths_not_allowed,
            broken::kinds_and_counts,
            sending::r4_header_and_payload_are_one_segment,
            sending::r4_a_header_is_flushed,
            sending::r14_clients_that_wait_for_the_greeting_have_a_connection_each,
            sending::to_our_own_listener,
            sending::to_our_own_unix_listener,
            sending::what_cannot_be_encoded_is_not_sent,
            udp::r9_every_row_with_payload_in_one_datagram,
            udp::r10_a_header_split_over_datagrams_is_refused,
            udp::r11_each_datagram_is_parsed_afresh,
            udp::payload_of_a_datagram,
            udp::datagram_larger_than_the_buffer,
            udp::r11_datagrams_that_may_have_been_joined_are_refused,
            udp::other_control_messages_do_no_harm,
            udp::endpoints_of_a_datagram,
            udp::dual_stack_socket_and_mapped_peers,
            udp::policy_is_asked_once_a_datagram,
            udp::kinds_and_counts_of_datagrams,
            udp::errors_of_the_socket_are_not_a_datagrams,
            udp::several_may_receive_at_once,
            sending::r9_sent_in_one_datagram,
            sending::sent_to_our_own_receiver_and_on,
            sending::datagram_that_cannot_be_is_not_sent,
        }
        isolated_tests! { $runtime:
            broken::urgent_data,
            resources::out_of_descriptors,
            resources::out_of_descriptors_with_a_ready_listener,
            resources::no_descriptor_is_leaked,
            dying::an_error_without_end_is_reported_and_makes_nobody_spin,
            dying::an_error_queue_is_not_readable,
        }
    };
}

/// What adapters do that peek at a socket before they read from it. One that has nothing but the traits of futures-io
/// can't.
macro_rules! peeking {
    ($runtime:ty) => {
        tests! { $runtime: payload::what_is_no_header_is_left_unread, }
    };
}

/// What adapters do that read headers out of a buffer which reads ahead.
macro_rules! buffering {
    ($runtime:ty) => {
        tests! { $runtime:
            taken::bytes_taken_through_a_buffer_can_be_had_back,
            buffered::buffered_every_row_in_odd_fragments,
            buffered::buffered_deadline,
            buffered::buffered_bytes_that_are_no_header_are_left,
            buffered::buffered_bytes_may_be_there_already,
            buffered::r13_buffered_peers_are_not_read_from_if_refused_or_bypassed,
        }
        isolated_tests! { $runtime:
            dying::buffered_error_queue_is_not_readable,
        }
    };
}

/// What only asynchronous adapters do: futures are polled and dropped. A blocking call can't be.
macro_rules! asynchronous {
    ($runtime:ty) => {
        tests! { $runtime:
            cancel::listener_accept_loses_no_connection,
            cancel::ready_accept_loses_no_connection_and_no_byte,
            cancel::handshake_before_a_byte_came_loses_nothing,
            cancel::handshake_in_the_header_loses_what_came_of_it_and_no_more,
            once::a_dropped_handshake_is_resumed,
            once::a_dropped_handshake_believes_no_later_header,
            once::a_handshake_dropped_again_and_again_ends_in_time,
            cancel::silence_is_not_polled,
            cancel::dropped_futures_lose_no_datagram,
            cancel::silent_socket_is_not_polled,
        }
        isolated_tests! { $runtime:
            cancel::dropped_futures_leak_no_descriptor,
        }
    };
}

/// What asynchronous adapters do whose streams can be polled, so that they are anything. Blocking streams that are no
/// sockets have no deadline, and where reads are completed, not polled, a dropped one may have taken bytes.
macro_rules! any_stream {
    ($runtime:ty) => {
        tests! { $runtime:
            taken::bytes_taken_off_any_stream_can_be_had_back,
            streams::every_row,
            streams::every_row_over_tcp,
            streams::deadline,
            streams::errors,
            streams::r4_sent_in_one_write,
            buffered::buffered_every_row_of_any_stream,
            buffered::buffered_and_dropped_in_the_header_loses_no_more,
        }
    };
}

mod on_std {
    sockets!(crate::std_blocking::StdBlocking);
    buffering!(crate::std_blocking::StdBlocking);
    peeking!(crate::std_blocking::StdBlocking);
}

mod on_tokio_current_thread {
    sockets!(crate::tokio::CurrentThread);
    buffering!(crate::tokio::CurrentThread);
    peeking!(crate::tokio::CurrentThread);
    asynchronous!(crate::tokio::CurrentThread);
    any_stream!(crate::tokio::CurrentThread);
}

mod on_tokio_multi_thread {
    sockets!(crate::tokio::MultiThread);
    buffering!(crate::tokio::MultiThread);
    peeking!(crate::tokio::MultiThread);
    asynchronous!(crate::tokio::MultiThread);
    any_stream!(crate::tokio::MultiThread);
}

mod on_smol {
    sockets!(crate::smol::Smol);
    buffering!(crate::smol::Smol);
    peeking!(crate::smol::Smol);
    asynchronous!(crate::smol::Smol);
    any_stream!(crate::smol::Smol);
}

mod on_async_std {
    sockets!(crate::async_std::AsyncStd);
    buffering!(crate::async_std::AsyncStd);
    peeking!(crate::async_std::AsyncStd);
    asynchronous!(crate::async_std::AsyncStd);
    any_stream!(crate::async_std::AsyncStd);
}

mod on_compio {
    sockets!(crate::compio::Compio);
    peeking!(crate::compio::Compio);
    asynchronous!(crate::compio::Compio);
}

mod on_futures_io {
    sockets!(crate::futures_io::FuturesIo);
    buffering!(crate::futures_io::FuturesIo);
    asynchronous!(crate::futures_io::FuturesIo);
    any_stream!(crate::futures_io::FuturesIo);
}
