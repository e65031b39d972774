//! Kernels for CRC32C side by side: `crc [--svg FILE]`.

use std::hint::black_box;
use std::time::Instant;

use realpeer_benches::chart::{Series, lines};

/// The core's own, compiled from the very file, which without the feature `std` computes by tables.
#[path = "../../../crates/realpeer-proto/src/crc32c.rs"]
#[allow(dead_code, unexpected_cfgs, reason = "they are the core's")]
mod kernel;

const SIZES: [usize; 9] = [16, 28, 64, 90, 128, 256, 600, 4096, 65536];
const ROUNDS: usize = 101;

type Kernel = (&'static str, Box<dyn Fn(&[u8]) -> u32>);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let svg = arguments.next().filter(|flag| flag == "--svg").and_then(|_| arguments.next());

    let small = crc::Crc::<u32, crc::Table<1>>::new(&crc::CRC_32_ISCSI);
    let large = crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_ISCSI);
    let kernels: Vec<Kernel> = vec![
        ("realpeer without std", Box::new(|bytes| kernel::append(0, bytes))),
        ("`crc` 3, one table", Box::new(move |bytes| small.checksum(bytes))),
        ("`crc` 3, slice-by-16", Box::new(move |bytes| large.checksum(bytes))),
        ("`crc32c` 0.6, hardware", Box::new(crc32c::crc32c)),
    ];
    let bytes: Vec<u8> = (0..65536u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for (name, kernel) in &kernels {
        assert_eq!(kernel(b"123456789"), 0xE306_9283, "{name}");
        for size in SIZES {
            assert_eq!(kernel(&bytes[..size]), kernels[0].1(&bytes[..size]), "{name}");
        }
    }

    println!("| bytes | {} |", kernels.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" | "));
    println!("|--:|{}", "--:|".repeat(kernels.len()));
    let mut series: Vec<Series> =
        kernels.iter().map(|(name, _)| (name.replace('`', ""), Vec::new())).collect();
    for size in SIZES {
        let medians = medians(&kernels, &bytes[..size]);
        print!("| {size} |");
        for ((_, points), nanos) in series.iter_mut().zip(medians) {
            print!(" {nanos:.1} ns |");
            #[expect(clippy::cast_precision_loss, reason = "small")]
            points.push((size as f64, nanos));
        }
        println!();
    }
    if let Some(svg) = svg {
        lines(&svg, "CRC32C", "bytes", "ns", &series);
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn medians(kernels: &[Kernel], bytes: &[u8]) -> Vec<f64> {
    let times = (200_000 / (bytes.len() + 20)).max(1);
    let mut samples = vec![Vec::new(); kernels.len()];
    for _ in 0..ROUNDS {
        for ((_, kernel), samples) in kernels.iter().zip(&mut samples) {
            let start = Instant::now();
            for _ in 0..times {
                black_box(kernel(black_box(bytes)));
            }
            samples.push(start.elapsed().as_nanos() as f64 / times as f64);
        }
    }
    for samples in &mut samples {
        samples.sort_by(f64::total_cmp);
    }
    samples.iter().map(|samples| samples[ROUNDS / 2]).collect()
}
