#!/usr/bin/env bash
# rustdoc with its unstable features, as docs.rs has it: pages then say which feature an item needs.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
