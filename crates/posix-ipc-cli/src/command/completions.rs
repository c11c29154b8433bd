//! `pipc completions` and `pipc man`.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;
use serde_json::json;

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::exit::{Failure, Outcome};
use crate::output::Out;

pub(crate) fn completions(args: &CompletionsArgs, out: &mut Out) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "pipc", &mut script);
    out.raw(&script)
}

pub(crate) fn man(args: &ManArgs, out: &mut Out) -> Outcome {
    let mut command = Args::command();
    command.build();
    if let Some(directory) = &args.all {
        let mut pages = Vec::new();
        write_all(&command, directory, &mut pages)?;
        let text = format!("wrote {} pages into {}", pages.len(), directory.display());
        return out.done(&text, json!({ "pages": pages }));
    }
    let mut chosen = &command;
    for word in &args.command {
        let found = chosen.find_subcommand(word);
        chosen = found.ok_or_else(|| Failure::usage(format!("there is no command {word:?}")))?;
    }
    out.raw(&page(chosen)?)
}

fn write_all(command: &clap::Command, directory: &Path, pages: &mut Vec<String>) -> Outcome {
    let name = title(command);
    let path = directory.join(format!("{name}.1"));
    fs::write(&path, page(command)?).map_err(Failure::io(format!("write {}", path.display())))?;
    pages.push(path.display().to_string());
    let subcommands = command.get_subcommands().filter(|sub| sub.get_name() != "help");
    subcommands.into_iter().try_for_each(|sub| write_all(sub, directory, pages))
}

/// `pipc-mq-send`, of whatever clap made of the name when it built the tree.
fn title(command: &clap::Command) -> String {
    command.get_display_name().unwrap_or(command.get_name()).replace(' ', "-")
}

fn page(command: &clap::Command) -> Outcome<Vec<u8>> {
    let name = title(command);
    let mut page = Vec::new();
    Man::new(command.clone())
        .title(name.to_uppercase())
        .render(&mut page)
        .map_err(Failure::io("render the manual page"))?;
    Ok(page)
}
