//! The cases under Criterion, for its statistics and its comparison with the run before: `cargo bench`.

use std::time::{Duration, Instant};

use criterion::Criterion;
use realpeer_benches::micro;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    for mut case in micro::cases() {
        let name = format!("{}/{}", case.row.name(), case.library);
        criterion.bench_function(&name, |bencher| {
            bencher.iter_custom(|times| {
                let start = Instant::now();
                case.repeat(times);
                start.elapsed()
            });
        });
    }
    criterion.final_summary();
}
