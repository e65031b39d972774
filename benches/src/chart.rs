//! The charts, as SVG.

use plotters::coord::combinators::IntoLogRange;
use plotters::prelude::*;

/// A name and its points.
pub type Series = (String, Vec<(f64, f64)>);

/// A name and its bars: each a name, a figure and a colour's number.
pub type Group = (String, Vec<(String, f64, usize)>);

const COLOURS: [RGBColor; 12] = [
    RGBColor(200, 30, 45),
    RGBColor(230, 150, 150),
    RGBColor(100, 100, 100),
    RGBColor(60, 60, 60),
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(150, 150, 150),
    RGBColor(23, 190, 207),
];

/// Lines over logarithmic axes.
pub fn lines(file: &str, title: &str, x: &str, y: &str, series: &[Series]) {
    let points = || series.iter().flat_map(|(_, points)| points);
    let least = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::INFINITY, f64::min);
    let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(0.0, f64::max);
    let root = SVGBackend::new(file, (760, 440)).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(
            (least(|p| p.0)..most(|p| p.0)).log_scale(),
            (least(|p| p.1) / 1.3..most(|p| p.1) * 1.3).log_scale(),
        )
        .unwrap();
    chart.configure_mesh().x_desc(x).y_desc(y).draw().unwrap();
    for (index, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))
            .unwrap()
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()
        .unwrap();
    root.present().unwrap();
}

/// Groups of horizontal bars with their figures after them, each group to a scale of its own: what is compared is
/// within a group.
pub fn bars(file: &str, title: &str, groups: &[Group], unit: &str) {
    let rows: usize = groups.iter().map(|(_, bars)| bars.len() + 2).sum();
    let height = u32::try_from(60 + 17 * rows).unwrap();
    let root = SVGBackend::new(file, (760, height)).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let text = |place: (i32, i32), words: &str, size: i32| {
        root.draw(&Text::new(words.to_owned(), place, ("sans-serif", size).into_font())).unwrap();
    };
    text((12, 10), title, 20);
    let mut y = 46;
    for (name, bars) in groups {
        text((12, y), name, 15);
        y += 20;
        let longest = bars.iter().map(|bar| bar.1).fold(0.0, f64::max);
        for (name, figure, colour) in bars {
            text((24, y), name, 13);
            #[expect(clippy::cast_possible_truncation, reason = "pixels")]
            let end = 190 + (figure / longest * 470.0) as i32;
            let colour = COLOURS[colour % COLOURS.len()].filled();
            root.draw(&Rectangle::new([(190, y + 1), (end.max(191), y + 13)], colour)).unwrap();
            let figure = if *figure < 100.0 { format!("{figure:.1}") } else { format!("{figure:.0}") };
            text((end + 6, y), &format!("{figure} {unit}"), 13);
            y += 17;
        }
        y += 12;
    }
    root.present().unwrap();
}
