//! Command lines.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::error::ErrorKind;
use clap::parser::ValueSource;

use super::{Failure, Program};

/// Where figures come from and where they go: the options that all programs have.
#[derive(Clone, Debug, Default, Args)]
pub struct Common {
    /// Runs every configuration of this file, each in a process of its own
    #[arg(long, value_name = "FILE.toml")]
    pub grid: Option<PathBuf>,
    /// Takes the figures from this file of JSON lines instead of running anything, to print or draw them
    #[arg(long, value_name = "FILE.jsonl", conflicts_with = "grid")]
    pub results: Option<PathBuf>,
    /// Prints JSON, one object per line and configuration, and nothing else
    #[arg(long)]
    pub json: bool,
    /// Prints comma-separated values, or writes them to a file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub csv: Option<PathBuf>,
    /// Puts tables of the figures into this page, between its marks, or prints all tables
    #[arg(long, value_name = "PAGE.md", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub tables: Option<PathBuf>,
    /// Stands above the tables of a page: where and when it was measured
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Draws SVG files into this folder
    #[arg(long, value_name = "DIR")]
    pub plot: Option<PathBuf>,
}

impl Common {
    /// Whether comma-separated values or tables go to standard output.
    pub fn has_output(&self) -> bool {
        self.out().any(|has| has)
    }

    fn out(&self) -> impl Iterator<Item = bool> {
        [&self.csv, &self.tables].into_iter().map(|file| file.as_deref() == Some(Path::new("-")))
    }
}

/// Names of options, and their values.
pub(super) type Given = BTreeMap<String, OsString>;

/// Arguments of a program, and how to give them to another process of it.
#[derive(Clone, Debug)]
pub struct Request<P> {
    /// The arguments.
    pub args: P,
    /// What was given that says something about a configuration.
    pub(super) given: Given,
}

impl<P: Program> Request<P> {
    /// What these arguments ask for, the name of the program not among them.
    ///
    /// # Errors
    ///
    /// When they cannot be, with what is wrong in one line; when they ask for help.
    pub fn of(args: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, Failure> {
        let command = P::command().no_binary_name(true);
        let matches =
            command.clone().try_get_matches_from(args.into_iter().map(Into::into)).map_err(|error| failure(&error))?;
        let args = P::from_arg_matches(&matches).map_err(|error| failure(&error))?;
        let common = args.common();
        if common.out().chain([common.json]).filter(|has| *has).count() > 1 {
            let line =
                "only one of --json, --csv and --tables can have standard output: give the others a file, --csv=FILE";
            return Err(Failure::Usage(line.into()));
        }
        // Options of all programs say nothing about a configuration.
        let others = Common::augment_args(clap::Command::new(""));
        let is_common = |id: &str| others.get_arguments().any(|arg| arg.get_id() == id);
        let mut given = Given::new();
        for arg in command.get_arguments() {
            let (id, Some(name)) = (arg.get_id().as_str(), arg.get_long()) else { continue };
            let is_given = matches.value_source(id) == Some(ValueSource::CommandLine);
            if is_given && !is_common(id) {
                given
                    .extend(matches.get_raw(id).into_iter().flatten().map(|value| (name.to_owned(), value.to_owned())));
            }
        }
        Ok(Request { args, given })
    }
}

/// Options as another process takes them.
pub(super) fn options(given: &Given) -> impl Iterator<Item = OsString> {
    given.iter().map(|(name, value)| {
        let mut option = OsString::from(format!("--{name}="));
        option.push(value);
        option
    })
}

/// What is wrong with arguments, in one line, or the help that they ask for.
fn failure(error: &clap::Error) -> Failure {
    let text = error.to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Failure::Instead(text);
    }
    let line = text.lines().next().unwrap_or_default();
    Failure::Usage(format!("{}; see --help", line.trim_start_matches("error: ")))
}
