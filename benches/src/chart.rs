//! One drawing: lines over two axes, and a legend. An SVG file.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, DefaultFormatting, KeyPointHint, Ranged, ValueFormatter};
use plotters::prelude::*;

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

/// Why there is no drawing.
pub type Error = DrawingAreaErrorKind<std::io::Error>;

/// How an axis is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Logarithmic.
    Logarithmic,
    /// Linear, with few values, each of which is marked.
    Sizes,
}

/// A line, and its place in the legend, which is in the order of the lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// In the legend.
    pub label: String,
    /// Which colour and mark: equal ones look alike.
    pub look: usize,
    /// Open marks and a thin line.
    pub open: bool,
    /// Where it goes.
    pub points: Vec<(f64, f64)>,
}

/// A drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// Of the file, without its ending.
    pub name: String,
    /// What it shows.
    pub heading: String,
    /// What holds for all of it.
    pub subtitle: String,
    /// What the horizontal axis shows.
    pub x: &'static str,
    /// How.
    pub scale: Scale,
    /// What the vertical axis shows, which is logarithmic.
    pub y: &'static str,
    /// The lines.
    pub lines: Vec<Line>,
}

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

impl Drawing {
    /// Draws into a file in this folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn draw(&self, dir: &Path) -> Result<(), Error> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
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
        match self.scale {
            Scale::Logarithmic => self.fill(&root, x.log_scale(), y),
            Scale::Sizes => {
                let mut sizes: Vec<f64> = points().map(|point| point.0).collect();
                sizes.sort_by(f64::total_cmp);
                sizes.dedup();
                self.fill(&root, Sizes { range: x, sizes }, y)
            }
        }
    }

    fn fill<X, Y>(&self, root: &DrawingArea<SVGBackend<'_>, Shift>, x: X, y: Y) -> Result<(), Error>
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
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&|x| if self.scale == Scale::Sizes { thousands(*x) } else { tick(*x) })
            .y_label_formatter(&|y| tick(*y))
            .axis_desc_style(("sans-serif", 14))
            .label_style(("sans-serif", 13))
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.12))
            .draw()?;
        for (row, line) in (0i32..).zip(&self.lines) {
            let style = Style {
                colour: COLOURS[line.look % COLOURS.len()],
                mark: MARKS[line.look % MARKS.len()],
                open: line.open,
            };
            chart.draw_series(LineSeries::new(line.points.iter().copied(), style.stroke()))?;
            chart.draw_series(line.points.iter().map(|point| {
                let (inside, outline) = style.shape();
                EmptyElement::at(*point) + inside + outline
            }))?;
            let y = 24 + 20 * row;
            legend.draw(&PathElement::new([(0, y), (28, y)], style.stroke()))?;
            let (inside, outline) = style.shape();
            legend.draw(&(EmptyElement::at((14, y)) + inside + outline))?;
            legend.draw(&Text::new(line.label.clone(), (36, y - 6), ("sans-serif", 13)))?;
        }
        title.draw(&Text::new(self.heading.clone(), (92, 14), ("sans-serif", 20)))?;
        title.draw(&Text::new(self.subtitle.clone(), (92, 42), ("sans-serif", 13).into_font().color(&GREY)))?;
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

/// 1234567 as 1,234,567; small numbers with the digits that matter.
pub fn thousands(value: f64) -> String {
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

    #[test]
    fn a_logarithmic_grid_has_few_labels() {
        let labels: Vec<String> = [0.5, 1.0, 3.0, 10.0, 200.0, 900.0, 1_000.0, 50_000.0].map(tick).into();
        assert_eq!(labels, ["0.50", "1", "", "10", "200", "", "1,000", "50,000"]);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.25, 4.0, 100.0, 1234567.0].map(thousands), ["0.25", "4", "100", "1,234,567"]);
    }
}
