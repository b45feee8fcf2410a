//! Tables for terminals and for Markdown: the same text serves both.

use std::fmt;

/// Rows of cells under a heading.
#[derive(Clone, Debug, Default)]
pub struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this heading.
    pub fn new<S: Into<String>>(heading: impl IntoIterator<Item = S>) -> Self {
        Table { heading: heading.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let all = || std::iter::once(&self.heading).chain(&self.rows);
        let widths: Vec<usize> = (0..self.heading.len())
            .map(|column| all().map(|row| cell(row, column).chars().count()).max().unwrap_or(0).max(3))
            .collect();
        // A column of numbers reads better when it ends at the right.
        let number =
            |text: &str| text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '–');
        let right: Vec<bool> =
            (0..widths.len()).map(|column| self.rows.iter().all(|row| number(&cell(row, column)))).collect();
        let mut line = |row: &[String]| {
            for (column, width) in widths.iter().enumerate() {
                let text = cell(row, column);
                if right[column] { write!(f, "| {text:>width$} ")? } else { write!(f, "| {text:<width$} ")? }
            }
            writeln!(f, "|")
        };
        line(&self.heading)?;
        let rule: Vec<String> = widths
            .iter()
            .zip(&right)
            .map(|(width, right)| if *right { format!("{}:", "-".repeat(width - 1)) } else { "-".repeat(*width) })
            .collect();
        line(&rule)?;
        self.rows.iter().try_for_each(|row| line(row))
    }
}

/// A number with spaces between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_end_at_the_right() {
        let mut table = Table::new(["what", "runs"]);
        table.row(["rbc", "12"]);
        table.row(["atomic", "3"]);
        assert_eq!(table.to_string(), "| what   | runs |\n| ------ | ---: |\n| rbc    |   12 |\n| atomic |    3 |\n");
        assert_eq!(grouped(1_234_567).replace('\u{202f}', " "), "1 234 567");
    }
}
