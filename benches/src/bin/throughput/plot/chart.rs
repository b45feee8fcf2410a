//! One drawing: lines over two axes, and a legend.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, DefaultFormatting, KeyPointHint, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::report::{Report, encryption, thousands};

/// A place in a drawing.
type Pixel = (i32, i32);

const SIZE: (u32, u32) = (900, 560);
const GREY: RGBColor = RGBColor(110, 110, 110);
/// Colours that most people can tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
/// Shapes of the marks, for those who cannot tell the colours apart: a circle, a square, triangles, a diamond.
const MARKS: [&[(i32, i32)]; 5] = [
    &[(5, 0), (4, 3), (3, 4), (0, 5), (-3, 4), (-4, 3), (-5, 0), (-4, -3), (-3, -4), (0, -5), (3, -4), (4, -3)],
    &[(-4, -4), (4, -4), (4, 4), (-4, 4)],
    &[(0, -6), (5, 4), (-5, 4)],
    &[(0, 6), (5, -4), (-5, -4)],
    &[(0, -6), (6, 0), (0, 6), (-6, 0)],
];

pub(super) type Error = DrawingAreaErrorKind<std::io::Error>;

/// What an axis shows.
#[derive(Clone, Copy)]
pub(super) struct Quantity {
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) of: fn(&Report) -> f64,
    /// Few values, each of which is marked on a linear axis; otherwise the axis is logarithmic.
    pub(super) sizes: bool,
}

/// A drawing.
pub(super) struct Chart<'a> {
    /// Of the file, without its ending.
    pub(super) name: String,
    pub(super) x: Quantity,
    pub(super) y: Quantity,
    pub(super) reports: Vec<&'a Report>,
    /// What has a colour of its own: its place in the legend, and its name.
    pub(super) line: fn(&Report) -> (usize, String),
    /// What holds for all of it.
    pub(super) notes: Vec<String>,
}

/// What a line stands for; lines are in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    line: (usize, String),
    protocol: String,
    suite: String,
    encrypt: String,
    faulty: usize,
    tx_size: usize,
}

impl Key {
    fn of(line: (usize, String), report: &Report) -> Self {
        let r = report.clone();
        Key { line, protocol: r.protocol, suite: r.suite, encrypt: r.encrypt, faulty: r.faulty, tx_size: r.tx_size }
    }

    /// What is to be said of a line beside its name.
    fn parts(&self) -> [String; 5] {
        [
            // Where protocols have the colours, their name is said already.
            if self.protocol == self.line.1 { String::new() } else { self.protocol.clone() },
            self.suite.clone(),
            encryption(&self.encrypt),
            if self.faulty > 0 { format!("{} faulty", self.faulty) } else { String::new() },
            format!("{} bytes per transaction", self.tx_size),
        ]
    }
}

/// Lines, each with its points in the order of batch size and number of nodes.
type Lines = BTreeMap<Key, Vec<(f64, f64)>>;

/// A linear axis that is marked at certain values, and nowhere else.
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

impl Chart<'_> {
    /// Draws into a file in this folder.
    pub(super) fn draw(&self, dir: &Path) -> Result<(), Error> {
        let lines = self.lines();
        let points = || lines.values().flatten();
        // Where there is only one point, the axes still need a width.
        let span = |pick: fn(&(f64, f64)) -> f64, margin: f64| {
            let low = points().map(pick).fold(f64::INFINITY, f64::min);
            let high = points().map(pick).fold(0.0, f64::max);
            (low.max(1e-6) / margin)..(high.max(1e-6) * margin)
        };
        let (x, y) = (span(|point| point.0, 1.15), span(|point| point.1, 1.4).log_scale());
        let file = dir.join(format!("{}.svg", self.name));
        let root = SVGBackend::new(&file, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        if self.x.sizes {
            let mut sizes: Vec<f64> = points().map(|point| point.0).collect();
            sizes.sort_by(f64::total_cmp);
            sizes.dedup();
            self.fill(&root, &lines, Sizes { range: x, sizes }, y)
        } else {
            self.fill(&root, &lines, x.log_scale(), y)
        }
    }

    /// A line of a single point is left out where others have more.
    fn lines(&self) -> Lines {
        let mut reports = self.reports.clone();
        reports.sort_by_key(|report| (report.batch, report.nodes));
        let mut lines = Lines::new();
        for report in reports {
            let key = Key::of((self.line)(report), report);
            lines.entry(key).or_default().push(((self.x.of)(report), (self.y.of)(report)));
        }
        let longest = lines.values().map(Vec::len).max().unwrap_or_default();
        lines.retain(|_, points| points.len() > 1 || longest == 1);
        lines
    }

    fn fill<X, Y>(&self, root: &DrawingArea<SVGBackend<'_>, Shift>, lines: &Lines, x: X, y: Y) -> Result<(), Error>
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
            .x_desc(self.x.unit)
            .y_desc(self.y.unit)
            .x_label_formatter(&|x| if self.x.sizes { thousands(*x) } else { tick(*x) })
            .y_label_formatter(&|y| tick(*y))
            .axis_desc_style(("sans-serif", 14))
            .label_style(("sans-serif", 13))
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.12))
            .draw()?;
        let mut colours: Vec<&(usize, String)> = lines.keys().map(|key| &key.line).collect();
        colours.dedup();
        let parts: Vec<[String; 5]> = lines.keys().map(Key::parts).collect();
        let common = |part: usize| parts.iter().all(|one| one[part] == parts[0][part]);
        for (row, (key, points)) in (0i32..).zip(lines) {
            let place = colours.iter().position(|line| **line == key.line).unwrap_or(0);
            // Open marks and thin lines where nothing is encrypted and something else is.
            let open = key.encrypt == "never" && !common(2);
            let style = Style { colour: COLOURS[place % COLOURS.len()], mark: MARKS[place % MARKS.len()], open };
            chart.draw_series(LineSeries::new(points.iter().copied(), style.stroke()))?;
            chart.draw_series(points.iter().map(|point| {
                let (inside, outline) = style.shape();
                EmptyElement::at(*point) + inside + outline
            }))?;
            let y = 24 + 20 * row;
            legend.draw(&PathElement::new([(0, y), (28, y)], style.stroke()))?;
            let (inside, outline) = style.shape();
            legend.draw(&(EmptyElement::at((14, y)) + inside + outline))?;
            let own = (0..5).filter(|part| !common(*part)).map(|part| key.parts()[part].clone());
            let label = join(std::iter::once(key.line.1.clone()).chain(own));
            legend.draw(&Text::new(label, (36, y - 6), ("sans-serif", 13)))?;
        }
        let heading = format!("{} over {}", self.y.title, self.x.title);
        title.draw(&Text::new(heading, (92, 14), ("sans-serif", 20)))?;
        let same = (0..5).filter(|part| common(*part)).filter_map(|part| Some(parts.first()?[part].clone()));
        let subtitle = join(self.notes.iter().cloned().chain(same));
        title.draw(&Text::new(subtitle, (92, 42), ("sans-serif", 13).into_font().color(&GREY)))?;
        root.present()
    }
}

/// How a line looks.
struct Style {
    colour: RGBColor,
    mark: &'static [(i32, i32)],
    open: bool,
}

impl Style {
    fn stroke(&self) -> ShapeStyle {
        ShapeStyle { color: self.colour.to_rgba(), filled: false, stroke_width: if self.open { 1 } else { 2 } }
    }

    /// The inside and the outline of a mark, in pixels around its place.
    fn shape(&self) -> (Polygon<Pixel>, PathElement<Pixel>) {
        let inside = if self.open { WHITE } else { self.colour };
        let outline: Vec<(i32, i32)> = self.mark.iter().chain(self.mark.first()).copied().collect();
        (Polygon::new(self.mark, inside.filled()), PathElement::new(outline, self.stroke()))
    }
}

/// The label of a line of a logarithmic grid. Only 1, 2 and 5 times a power of ten have one: the others crowd.
fn tick(value: f64) -> String {
    let leading = value / 10f64.powf(value.log10().floor());
    // Powers of ten may come out as 9.999...
    let labelled = [1.0, 2.0, 5.0, 10.0].iter().any(|digit| (leading - digit).abs() < 1e-6);
    if labelled { thousands(value) } else { String::new() }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_grid_has_few_labels() {
        let labels: Vec<String> = [0.5, 1.0, 3.0, 10.0, 200.0, 900.0, 1_000.0, 50_000.0].map(tick).into();
        assert_eq!(labels, ["0.50", "1", "", "10", "200", "", "1,000", "50,000"]);
    }
}
