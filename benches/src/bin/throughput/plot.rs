//! Drawings: throughput and latency over batch size and over the number of nodes, one SVG file each.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use plotters::coord::ranged1d::{AsRangedCoord, DefaultFormatting, KeyPointHint, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::Failure;
use crate::report::Report;

const SIZE: (u32, u32) = (900, 560);
const GREY: RGBColor = RGBColor(110, 110, 110);
/// Colours that most people can tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];

/// What is drawn upwards.
#[derive(Clone, Copy)]
struct Measure {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    of: fn(&Report) -> f64,
}

const MEASURES: [Measure; 2] = [
    Measure {
        name: "throughput",
        title: "Throughput",
        unit: "committed transactions per CPU-second, all nodes together",
        of: |report| report.tx_per_cpu_second,
    },
    Measure {
        name: "latency",
        title: "Median latency",
        unit: "milliseconds from submission to commitment",
        of: |report| report.latency_ms.p50,
    },
];

/// What is drawn to the right; the other of the two tells the lines apart.
#[derive(Clone, Copy)]
struct Axis {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    of: fn(&Report) -> usize,
    line: fn(&Report) -> usize,
    label: fn(usize) -> String,
}

const AXES: [Axis; 2] = [
    Axis {
        name: "batch",
        title: "batch size",
        unit: "transactions per epoch, all nodes together",
        of: |report| report.batch,
        line: |report| report.nodes,
        label: |nodes| format!("n = {nodes}"),
    },
    Axis {
        name: "nodes",
        title: "number of nodes",
        unit: "nodes",
        of: |report| report.nodes,
        line: |report| report.batch,
        label: |batch| format!("B = {}", thousands(batch as f64)),
    },
];

/// One line: (line value, protocol, suite, encryption, faulty nodes, transaction size).
type Key = (usize, String, String, String, usize, usize);

/// A linear axis that is marked at the sizes of the committees, and nowhere else.
struct Sizes {
    range: Range<f64>,
    sizes: Vec<f64>,
}

impl Ranged for Sizes {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (left, right): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        left + (share * f64::from(right - left)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.sizes.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Draws everything into a folder, which is made if need be.
pub(crate) fn draw(dir: &Path, reports: &[Report]) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Run(format!("cannot draw into {}: {error}", dir.display()));
    if reports.is_empty() {
        return Err(failed(&"there are no figures"));
    }
    std::fs::create_dir_all(dir).map_err(|error| failed(&error))?;
    for measure in MEASURES {
        for axis in AXES {
            let file = dir.join(format!("{}-over-{}.svg", measure.name, axis.name));
            chart(&file, measure, axis, reports).map_err(|error| failed(&error))?;
        }
    }
    Ok(())
}

fn chart(
    file: &Path,
    measure: Measure,
    axis: Axis,
    reports: &[Report],
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let mut lines: BTreeMap<Key, Vec<(f64, f64)>> = BTreeMap::new();
    for report in reports {
        let r = report.clone();
        let key = ((axis.line)(report), r.protocol, r.suite, r.encrypt, r.faulty, r.tx_size);
        lines.entry(key).or_default().push(((axis.of)(report) as f64, (measure.of)(report)));
    }
    let points = || lines.values().flatten();
    // Where there is only one point, the axes still need a width.
    let span = |pick: fn(&(f64, f64)) -> f64, margin: f64| {
        let low = points().map(pick).fold(f64::INFINITY, f64::min);
        let high = points().map(pick).fold(0.0, f64::max);
        (low.max(1e-6) / margin)..(high.max(1e-6) * margin)
    };
    let (x, y) = (span(|point| point.0, 1.15), span(|point| point.1, 1.4).log_scale());
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    // Batch sizes differ by powers of ten; sizes of committees are few, and each is marked.
    if axis.name == "nodes" {
        let mut sizes: Vec<f64> = points().map(|point| point.0).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        fill(&root, measure, axis, &mut lines, Sizes { range: x, sizes }, y)
    } else {
        fill(&root, measure, axis, &mut lines, x.log_scale(), y)
    }
}

fn fill<X, Y>(
    root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    measure: Measure,
    axis: Axis,
    lines: &mut BTreeMap<Key, Vec<(f64, f64)>>,
    x: X,
    y: Y,
) -> Result<(), DrawingAreaErrorKind<std::io::Error>>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let (title, below) = root.split_vertically(60);
    let (area, legend) = below.split_horizontally(SIZE.0 - 210);
    let mut chart =
        ChartBuilder::on(&area).margin(14).x_label_area_size(44).y_label_area_size(78).build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(axis.unit)
        .y_desc(measure.unit)
        .x_label_formatter(&|x| thousands(*x))
        .y_label_formatter(&|y| thousands(*y))
        .axis_desc_style(("sans-serif", 14))
        .label_style(("sans-serif", 13))
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .draw()?;
    // One colour for each value of the other axis; open marks and thin lines where nothing is encrypted.
    let mut values: Vec<usize> = lines.keys().map(|key| key.0).collect();
    values.dedup();
    let common = common(lines.keys());
    for (row, (key, points)) in (0i32..).zip(lines) {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let place = values.iter().position(|value| *value == key.0).unwrap_or(0);
        let colour = COLOURS[place % COLOURS.len()].to_rgba();
        let plain = key.3 == "never";
        let stroke = ShapeStyle { color: colour, filled: false, stroke_width: if plain { 1 } else { 2 } };
        chart.draw_series(LineSeries::new(points.iter().copied(), stroke))?;
        let mark = if plain { stroke } else { colour.filled() };
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, mark)))?;
        let y = 24 + 20 * row;
        legend.draw(&PathElement::new([(0, y), (28, y)], stroke))?;
        legend.draw(&Circle::new((14, y), 4, mark))?;
        legend.draw(&Text::new(label(axis, key, &common), (36, y - 6), ("sans-serif", 13)))?;
    }
    let heading = format!("{} over {}", measure.title, axis.title);
    title.draw(&Text::new(heading, (92, 14), ("sans-serif", 20)))?;
    title.draw(&Text::new(common.text, (92, 42), ("sans-serif", 13).into_font().color(&GREY)))?;
    root.present()
}

/// What all lines have in common, said once.
struct Common {
    protocol: bool,
    suite: bool,
    encrypt: bool,
    faulty: bool,
    tx_size: bool,
    text: String,
}

fn common<'a>(keys: impl Iterator<Item = &'a Key> + Clone) -> Common {
    fn same<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
        let first = values.next();
        values.all(|value| Some(&value) == first.as_ref())
    }
    let mut common = Common {
        protocol: same(keys.clone().map(|key| &key.1)),
        suite: same(keys.clone().map(|key| &key.2)),
        encrypt: same(keys.clone().map(|key| &key.3)),
        faulty: same(keys.clone().map(|key| key.4)),
        tx_size: same(keys.clone().map(|key| key.5)),
        text: String::new(),
    };
    if let Some(key) = keys.clone().next() {
        let parts = [
            (common.protocol, key.1.clone()),
            (common.suite, key.2.clone()),
            (common.encrypt, encryption(&key.3)),
            (common.faulty && key.4 > 0, format!("{} faulty", key.4)),
            (common.tx_size, format!("{} bytes per transaction", key.5)),
        ];
        let said: Vec<String> = parts.into_iter().filter(|(is_common, _)| *is_common).map(|(_, part)| part).collect();
        common.text = said.join(", ");
    }
    common
}

fn label(axis: Axis, key: &Key, common: &Common) -> String {
    let parts = [
        (true, (axis.label)(key.0)),
        (!common.protocol, key.1.clone()),
        (!common.suite, key.2.clone()),
        (!common.encrypt, encryption(&key.3)),
        (!common.faulty, format!("{} faulty", key.4)),
        (!common.tx_size, format!("{} bytes", key.5)),
    ];
    let said: Vec<String> = parts.into_iter().filter(|(is_said, _)| *is_said).map(|(_, part)| part).collect();
    said.join(", ")
}

fn encryption(schedule: &str) -> String {
    match schedule {
        "always" => "encrypted".to_owned(),
        "never" => "in the clear".to_owned(),
        other => format!("encrypted {other}"),
    }
}

/// 1234567 as 1,234,567; small numbers with the digits that matter.
fn thousands(value: f64) -> String {
    if value < 10.0 && value.fract() > 1e-9 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Latency;

    fn report(nodes: usize, batch: usize, encrypt: &str) -> Report {
        Report {
            protocol: "honey-badger".into(),
            suite: "ristretto255".into(),
            encrypt: encrypt.into(),
            transport: "memory".into(),
            nodes,
            faulty: 0,
            batch,
            tx_size: 250,
            epochs: 1,
            batches: 1,
            committed: batch as u64,
            cpu_seconds: 1.0,
            wall_seconds: 1.0,
            tx_per_cpu_second: batch as f64 / nodes as f64,
            cpu_ms_per_epoch: 1.0,
            latency_ms: Latency { p50: nodes as f64, p99: 3.0 },
            messages: 1,
            bytes_sent: 1,
            peak_rss_mib: 1.0,
            floor_cpu_seconds: 1.0,
            floor_ratio: 1.0,
            faults: 0,
        }
    }

    #[test]
    fn every_drawing_names_its_lines() {
        let dir = std::env::temp_dir().join(format!("mellivora-plot-{}", std::process::id()));
        let all = [(4, 1, "always"), (4, 100, "always"), (10, 100, "always"), (4, 1, "never")];
        draw(&dir, &all.map(|(nodes, batch, encrypt)| report(nodes, batch, encrypt))).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        for measure in ["throughput", "latency"] {
            let over_batch = read(&format!("{measure}-over-batch.svg"));
            assert!(over_batch.contains("n = 10, encrypted") && over_batch.contains("n = 4, in the clear"));
            assert!(read(&format!("{measure}-over-nodes.svg")).contains("B = 100, encrypted"));
        }
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(draw(&dir, &[]).is_err());
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.25, 4.0, 100.0, 1234567.0].map(thousands), ["0.25", "4", "100", "1,234,567"]);
    }
}
