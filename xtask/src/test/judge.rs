//! Did an emulator test do what its directives say?

use super::{
    directives::{Directives, Exit},
    pool::Verdict,
    session::{End, Outcome},
};

pub fn judge(directives: &Directives, outcome: &Outcome) -> Verdict {
    let ended_as_meant = match (&outcome.end, directives.exit) {
        (End::Exited(code), Exit::Code(meant)) => *code == meant,
        (End::Stopped, Exit::Stopped) => true,
        _ => false,
    };
    if !ended_as_meant {
        let meant = match directives.exit {
            Exit::Code(0) => String::new(),
            Exit::Code(code) => format!("should have ended with status {code}, but it "),
            Exit::Stopped => "should have gone on to its last step, but it ".into(),
        };
        return Verdict::Fail(format!("{meant}{}", outcome.report()));
    }
    let text = outcome.text();
    let missing = directives
        .expect
        .iter()
        .find(|part| !text.contains(part.as_str()));
    let surplus = directives
        .reject
        .iter()
        .find(|part| text.contains(part.as_str()));
    match (missing, surplus) {
        (Some(part), _) => {
            Verdict::Fail(format!("did not print {part:?}\n{}", outcome.last_lines()))
        }
        (_, Some(part)) => Verdict::Fail(format!(
            "printed {part:?}, which it must not\n{}",
            outcome.last_lines()
        )),
        _ => Verdict::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(end: End, output: &str) -> Outcome {
        Outcome {
            end,
            output: output.into(),
            errors: Vec::new(),
        }
    }

    fn verdict(directives: &Directives, end: End) -> Result<(), String> {
        match judge(directives, &outcome(end, "hello\r\nworld\r\n")) {
            Verdict::Fail(why) => Err(why),
            _ => Ok(()),
        }
    }

    #[test]
    fn the_status_must_be_the_meant_one() {
        let mut directives = Directives::default();
        assert_eq!(verdict(&directives, End::Exited(0)), Ok(()));
        assert!(
            verdict(&directives, End::Exited(1))
                .unwrap_err()
                .contains("status 1")
        );
        directives.exit = Exit::Code(101);
        assert_eq!(verdict(&directives, End::Exited(101)), Ok(()));
        assert!(
            verdict(&directives, End::Exited(0))
                .unwrap_err()
                .contains("101")
        );
        directives.exit = Exit::Stopped;
        assert_eq!(verdict(&directives, End::Stopped), Ok(()));
        assert!(verdict(&directives, End::Exited(0)).is_err());
    }

    #[test]
    fn the_output_must_have_and_lack_what_is_said() {
        let expect = |text: &str| Directives {
            expect: vec![text.into()],
            ..Default::default()
        };
        assert_eq!(verdict(&expect("hello\nworld"), End::Exited(0)), Ok(()));
        assert!(
            verdict(&expect("bye"), End::Exited(0))
                .unwrap_err()
                .contains("did not print")
        );
        let reject = Directives {
            reject: vec!["world".into()],
            ..Default::default()
        };
        assert!(
            verdict(&reject, End::Exited(0))
                .unwrap_err()
                .contains("must not")
        );
    }
}
