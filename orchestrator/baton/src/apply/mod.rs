//! `baton apply`: the definitions of files become what the server has, after a look at the difference.
//!
//! Owns: which files count, the plan, and asking before it is done. Nothing is deleted. Must not: check definitions; the
//! server does, and refuses what is wrong.

mod functions;
mod machine;
mod template;

use crate::cli::Asking;
use crate::client::{Rest, encoded, run};
use crate::config::Error;
use crate::documents;
use crate::output;
use clap::Args;
use machine::{Action, Machine, difference};
use serde_json::Value;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Most files of a folder.
const FILES_MAX: usize = 10_000;

/// `apply`.
#[derive(Clone, Debug, Args)]
pub struct ApplyArguments {
    /// Folder or file: definitions (NAME.json, NAME.asl.json, .yaml, .yml) and CloudFormation, SAM or CDK templates
    pub path: PathBuf,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Only show what would be done; the exit code is 1 if there is anything
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub asking: Asking,
}

/// `baton apply`.
///
/// # Errors
/// A file that can't be read, what the server says, or that nobody can be asked.
pub fn apply(arguments: &ApplyArguments) -> Result<ExitCode, Error> {
    let machines = machines(&arguments.path)?;
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        let mut plan = Vec::new();
        for machine in &machines {
            let path = format!("/v1/state-machines/{}", encoded(&machine.name));
            let current = rest.find(&path).await?;
            let action = machine.action(current.as_ref()).map_err(Error)?;
            show(machine, action, current.as_ref());
            if action != Action::Keep {
                plan.push((machine, action, path));
            }
        }
        if plan.is_empty() {
            println!(
                "nothing to do: {} as they should be",
                counted(machines.len())
            );
            return Ok(ExitCode::SUCCESS);
        }
        if arguments.dry_run {
            return Ok(ExitCode::FAILURE);
        }
        if !arguments.yes && !confirmed(plan.len())? {
            println!("nothing was changed");
            return Ok(ExitCode::FAILURE);
        }
        for (machine, action, path) in plan {
            let word = match action {
                Action::Create => {
                    rest.post("/v1/state-machines", &machine.creation()).await?;
                    "created"
                }
                _ => {
                    rest.put(&path, &machine.update()).await?;
                    "updated"
                }
            };
            println!("{word} {}", machine.name);
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// All machines of a file, or of a folder's files in the order of their paths.
fn machines(path: &Path) -> Result<Vec<Machine>, Error> {
    let mut files = Vec::new();
    collect(path, &mut files)?;
    files.sort();
    let mut machines: Vec<Machine> = Vec::new();
    for file in &files {
        let document = documents::read(file)?;
        let place = |why: String| Error(format!("{}: {why}", file.display()));
        if template::is_template(&document) {
            let folder = file.parent().unwrap_or(Path::new(""));
            machines.extend(template::machines(&document, folder).map_err(place)?);
        } else if document["States"].is_object() {
            machines.push(plain(file, document));
        } else if files.len() == 1 {
            return Err(place(
                "neither a definition (States) nor a template (Resources)".to_owned(),
            ));
        }
    }
    machines.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = machines
        .windows(2)
        .find(|pair| pair[0].name == pair[1].name)
    {
        return Err(Error(format!(
            "{} is defined twice under {}",
            pair[0].name,
            path.display()
        )));
    }
    if machines.is_empty() {
        return Err(Error(format!("{} has no definitions", path.display())));
    }
    Ok(machines)
}

/// A definition that is a file: its name is the file's.
fn plain(file: &Path, definition: Value) -> Machine {
    let name = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    Machine {
        name: name.strip_suffix(".asl").unwrap_or(name).to_owned(),
        kind: "STANDARD".to_owned(),
        role: None,
        tags: Vec::new(),
        definition,
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let place = |e: std::io::Error| Error(format!("{}: {e}", path.display()));
    if !path.is_dir() {
        std::fs::metadata(path).map_err(place)?;
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(place)? {
        let path = entry.map_err(place)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_ours = [".json", ".yaml", ".yml"]
            .iter()
            .any(|end| name.ends_with(end));
        // What tools keep beside a project is not the project's.
        if name.starts_with('.') || name == "node_modules" {
            continue;
        }
        if path.is_dir() || is_ours {
            collect(&path, files)?;
        }
        if files.len() > FILES_MAX {
            return Err(Error(format!("more than {FILES_MAX} files")));
        }
    }
    Ok(())
}

fn show(machine: &Machine, action: Action, current: Option<&Value>) {
    let word = match action {
        Action::Create => "+ create",
        Action::Update => "~ update",
        Action::Keep => return println!("= {}", machine.name),
    };
    println!("{word} {} ({})", machine.name, machine.kind);
    for line in difference(current, &machine.definition).lines() {
        println!("    {line}");
    }
}

fn confirmed(changes: usize) -> Result<bool, Error> {
    let question = format!("Do it ({})?", counted(changes));
    let nobody = "nobody can be asked here: say --yes, or --dry-run to only look";
    output::confirmed(&question, nobody)
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 state machine".to_owned(),
        count => format!("{count} state machines"),
    }
}
