//! The console thread's body: from lines to commands, from the prompt or from a script.

use crate::{
    commands,
    editor::{Editor, Event},
    failure::{Failure, UNKNOWN, WRONG_WORDS},
    out::{Echo, say},
    parse,
    session::Session,
    table,
};
use layercake_kernel::{TaskCx, power};

const PROMPT: &str = "layercake> ";

/// Runs the console; the body of the console thread.
///
/// With a `script`, each of its commands is shown behind the prompt and run, and the machine is
/// switched off with the status of the first command that failed, 0 if none did. Without one,
/// lines are read from the console until a command ends the machine.
///
/// From a thread; blocks. Needs about 8 KiB of stack.
pub fn run(cx: &mut TaskCx, script: Option<&str>) -> ! {
    let mut session = Session::new(cx);
    match script {
        Some(script) => {
            run_script(&mut session, script);
            power::poweroff(session.status())
        }
        None => interact(&mut session),
    }
}

fn interact(session: &mut Session<'_>) -> ! {
    let mut editor = Editor::<256, 2048>::new(PROMPT);
    let mut echo = Echo::default();
    say!("Type `help` for the commands.");
    editor.show(&mut echo);
    loop {
        let Some(byte) = session.typed() else {
            echo.flush();
            session.wait_for_keys();
            continue;
        };
        let Some(event) = editor.feed(byte, &mut echo) else {
            continue;
        };
        echo.flush();
        match event {
            Event::Line(line) => run_line(session, line),
            Event::TooLong(why) => say!("{why}"),
            Event::EndOfInput => say!("Ctrl-D ends nothing here; `poweroff` does."),
            Event::Interrupted => {}
        }
        session.report_loss();
        editor.show(&mut echo);
    }
}

fn run_line(session: &mut Session<'_>, line: &str) {
    if let Err(why) = parse::check(line) {
        say!("{why}; nothing was run");
        return;
    }
    for command in parse::commands(line).flatten() {
        if run_command(session, &command).is_break() {
            return;
        }
    }
}

fn run_script(session: &mut Session<'_>, script: &str) {
    if let Err(why) = parse::check(script) {
        say!("{why}; nothing of the script was run");
        session.note(WRONG_WORDS);
        return;
    }
    for command in parse::commands(script).flatten() {
        say!("{PROMPT}{}", command.text());
        let flow = run_command(session, &command);
        session.report_loss();
        if flow.is_break() {
            return;
        }
    }
}

/// Runs one command and says what went wrong with it. `Break`: the others shall not run.
fn run_command(
    session: &mut Session<'_>,
    command: &parse::Command<'_>,
) -> core::ops::ControlFlow<()> {
    use core::ops::ControlFlow::{Break, Continue};
    let known = match table::find(commands::TABLE, command.name()) {
        Ok(known) => known,
        Err(unknown) => {
            say!("{unknown}");
            session.note(UNKNOWN);
            return Continue(());
        }
    };
    let done = if known.takes(command.args().len()) {
        (known.run)(session, command.args())
    } else {
        Err(Failure::Words(crate::args::ArgError::Count))
    };
    let Err(failure) = done else {
        return Continue(());
    };
    session.note(failure.status());
    say!("{}: {failure}", known.name);
    match failure {
        Failure::Words(_) => say!("usage: {}", known.usage()),
        Failure::Interrupted => return Break(()),
        Failure::Failed(_) => {}
    }
    Continue(())
}
