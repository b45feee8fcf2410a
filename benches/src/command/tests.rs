//! What holds for every program, seen at a toy one.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

use super::args::{Common, Request, options};
use super::report::{Column, Figures, Place, csv, latest};
use super::table::{Table, filled, side_by_side};
use super::{Failure, Program};
use crate::chart::Drawing;

/// A toy.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "toy")]
struct Toy {
    #[arg(long, default_value = "sdumbo")]
    protocol: String,
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    #[arg(long, default_value_t = 1)]
    batch_size: usize,
    #[arg(long, default_value_t = 0.5)]
    share: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Report {
    protocol: String,
    nodes: usize,
    encrypt: bool,
    batch: usize,
    latency: Latency,
    share: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Latency {
    mean: f64,
}

impl Figures for Report {
    const COLUMNS: &'static [Column<Self>] = &[("nodes", 5, |report| report.nodes.to_string())];

    fn place(&self) -> Place<'_> {
        Place { table: (self.encrypt, ""), nodes: self.nodes, batch: self.batch, protocol: &self.protocol }
    }

    fn common(&self) -> String {
        format!("encrypt {}", self.encrypt)
    }
}

impl Program for Toy {
    type Report = Report;
    const GRID: &'static [&'static str] = &["protocol", "nodes", "batch_size", "share"];
    const TABLES: &'static [Table<Report>] = &[];

    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self) -> Result<(), Failure> {
        if self.nodes == 0 { Err(Failure::Usage("no nodes".into())) } else { Ok(()) }
    }

    fn measure(&self) -> Result<Report, Failure> {
        Ok(report(&self.protocol, self.nodes, self.batch_size, false))
    }

    fn drawings(_: &[Report]) -> Vec<Drawing> {
        Vec::new()
    }
}

fn report(protocol: &str, nodes: usize, batch: usize, encrypt: bool) -> Report {
    Report { protocol: protocol.into(), nodes, encrypt, batch, latency: Latency { mean: 2.5 }, share: 1.0 }
}

fn request(args: &[&str]) -> Result<Request<Toy>, Failure> {
    Request::of(args)
}

fn configurations(args: &[&str], grid: &str) -> Result<Vec<Request<Toy>>, Failure> {
    super::grid::configurations(&request(args)?, grid)
}

#[test]
fn what_is_wrong_with_a_command_line_takes_one_line_and_help_is_text() {
    for (args, part) in [
        (&["--nodes", "many"][..], "many"),
        (&["--unheard-of"], "--unheard-of"),
        (&["--json", "--csv"], "standard output"),
        (&["--tables", "--csv"], "standard output"),
    ] {
        match request(args) {
            Err(Failure::Usage(line)) => assert!(line.contains(part) && !line.contains('\n'), "{args:?} gave: {line}"),
            other => panic!("{args:?} gave {other:?}"),
        }
    }
    assert!(request(&["--json", "--csv=file", "--tables=page"]).is_ok());
    assert!(matches!(request(&["--help"]), Err(Failure::Instead(text)) if text.contains("--grid")));
}

#[test]
fn a_grid_is_the_product_of_its_lists_over_the_command_line() {
    let grid = "batch_size = [1, 10]\nnodes = [4, 7]\nshare = 2";
    let all = configurations(&["--protocol=dumbo1", "--share=3", "--json"], grid).unwrap();
    let points: Vec<_> = all.iter().map(|one| (one.args.nodes, one.args.batch_size)).collect();
    assert_eq!(points, [(4, 1), (4, 10), (7, 1), (7, 10)], "in the order of the program's list, not the file's");
    for one in &all {
        assert!(one.args.protocol == "dumbo1" && one.args.share == 2.0 && !one.args.common.json);
    }
    for wrong in ["node = [4]", "nodes = [0]", "nodes = [true]", "nodes = [[4]]", "grid = 'x'", "also = 1", "nodes ="] {
        assert!(matches!(configurations(&[], wrong), Err(Failure::Usage(line)) if !line.contains('\n')), "{wrong}");
    }
}

#[test]
fn more_grids_in_a_file_take_what_they_leave_out_from_the_one_around_them() {
    let grid = "nodes = [4, 7]\nbatch_size = [1, 10]\n[[also]]\nprotocol = 'dumbo1'\nbatch_size = 5\n\
                [[also.also]]\nnodes = [9]\n[[also]]\nshare = 0.25\nnodes = []\nbatch_size = 2";
    let all = configurations(&[], grid).unwrap();
    let of = |one: &Request<Toy>| (one.args.protocol.clone(), one.args.nodes, one.args.batch_size);
    let expected = [("sdumbo", 4, 1), ("sdumbo", 4, 10), ("sdumbo", 7, 1), ("sdumbo", 7, 10), ("dumbo1", 4, 5)];
    let expected = expected.into_iter().chain([("dumbo1", 7, 5), ("dumbo1", 9, 5), ("sdumbo", 4, 2)]);
    assert_eq!(all.iter().map(of).collect::<Vec<_>>(), expected.map(|(p, n, b)| (p.into(), n, b)).collect::<Vec<_>>());
    assert_eq!(all.last().unwrap().args.share, 0.25);
}

#[test]
fn another_process_is_given_the_same_configuration_and_nothing_else() {
    let one = request(&["--batch-size", "3", "--share", "1e-3", "--tables=page.md", "--grid", "file"]).unwrap();
    let options: Vec<OsString> = options(&one.given).collect();
    assert_eq!(options, ["--batch-size=3", "--share=1e-3"]);
    let again = Request::<Toy>::of(options).unwrap();
    assert_eq!((again.args.batch_size, again.args.share, again.args.nodes), (3, 0.001, 4));
}

#[test]
fn comma_separated_values_have_all_figures_in_their_order() {
    let text = csv(&[report("sdumbo", 4, 10, true), report("dumbo1", 7, 1, false)]).unwrap();
    let header = "protocol,nodes,encrypt,batch,latency_mean,share\n";
    assert_eq!(text, format!("{header}sdumbo,4,true,10,2.5,1\ndumbo1,7,false,1,2.5,1\n"));
}

#[test]
fn of_equal_configurations_the_last_one_counts() {
    let again = Report { share: 9.0, ..report("sdumbo", 4, 10, true) };
    let all = [report("sdumbo", 4, 10, true), report("sdumbo", 4, 10, false), again.clone()];
    assert_eq!(latest(&all), [all[1].clone(), again]);
}

#[test]
fn protocols_stand_next_to_each_other_and_gaps_are_marked() {
    let all =
        [report("sdumbo", 4, 10_000, false), report("honey-badger", 4, 100, false), report("sdumbo", 4, 100, true)];
    let text = side_by_side(&all, &[("Share", |report| report.share.to_string())]);
    let clear = "**Share; encrypt false.**\n\n| n | B | honey-badger | sdumbo |\n|--:|--:|--:|--:|\n\
                 | 4 | 100 | 1 | - |\n| 4 | 10,000 | - | 1 |\n";
    let encrypted = "**Share; encrypt true.**\n\n| n | B | sdumbo |\n|--:|--:|--:|\n| 4 | 100 | 1 |\n";
    assert_eq!(text, format!("{clear}\n{encrypted}"));
}

#[test]
fn a_page_keeps_all_but_what_is_between_its_marks() {
    let text = |name: &str| (name != "unknown").then(|| format!("new {name}\n"));
    let page = "before\n<!-- figures: a -->\nold\n<!-- end of figures -->\nbetween\n<!-- figures: b -->\n\
                <!-- end of figures -->\nafter\n";
    let once = filled(page, text).unwrap();
    let a = "before\n<!-- figures: a -->\n\nnew a\n\n<!-- end of figures -->\nbetween\n";
    assert_eq!(once, format!("{a}<!-- figures: b -->\n\nnew b\n\n<!-- end of figures -->\nafter\n"));
    assert_eq!(filled(&once, text).unwrap(), once);
    for wrong in
        ["no marks", "<!-- figures: a -->\n", "<!-- figures: unknown -->\n<!-- end of figures -->", "<!-- figures: "]
    {
        assert!(filled(wrong, text).is_err(), "{wrong}");
    }
}
