use clap::{Args, Command};
use clap_complete::Shell;

use crate::ending::Ending;
use crate::output;

/// Prints the completions of a shell, to be put where that shell looks for them.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints a shell's completions of the command.
pub(crate) fn completions(completions: &Completions, mut command: Command) -> Result<(), Ending> {
    let mut text = Vec::new();
    clap_complete::generate(completions.shell, &mut command, "fourstep", &mut text);
    Ok(output::own(&text)?)
}

/// Prints the manual page: of the command, and then of each of its subcommands.
pub(crate) fn man(mut command: Command) -> Result<(), Ending> {
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let man = clap_mangen::Man::new(subcommand.clone());
        man.render_title(&mut text)?;
        man.render_name_section(&mut text)?;
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
    }
    Ok(output::own(&text)?)
}
