//! The line editor against a model of a line and a model of a terminal.

mod common;

use common::Terminal;
use layercake_monitor::editor::{Editor, Event, TooLong};
use proptest::prelude::*;

const PROMPT: &str = "layercake> ";
/// Characters that are seen at once.
const CELLS: usize = 80 - 1 - PROMPT.len();

/// An editor at its terminal.
struct Desk<const LINE: usize> {
    editor: Editor<LINE, 512>,
    terminal: Terminal,
    lines: Vec<Result<String, TooLong>>,
    interrupts: usize,
}

impl<const LINE: usize> Desk<LINE> {
    fn new() -> Self {
        let mut desk = Self {
            editor: Editor::new(PROMPT),
            terminal: Terminal::new(),
            lines: Vec::new(),
            interrupts: 0,
        };
        desk.editor.show(&mut desk.terminal);
        desk
    }

    fn after(bytes: impl AsRef<[u8]>) -> Self {
        let mut desk = Self::new();
        desk.types(bytes);
        desk
    }

    fn types(&mut self, bytes: impl AsRef<[u8]>) {
        for &byte in bytes.as_ref() {
            match self.editor.feed(byte, &mut self.terminal) {
                None => continue,
                Some(Event::Line(line)) => self.lines.push(Ok(line.into())),
                Some(Event::TooLong(why)) => self.lines.push(Err(why)),
                Some(Event::Interrupted) => self.interrupts += 1,
                Some(Event::EndOfInput) => {}
            }
            self.editor.show(&mut self.terminal);
        }
    }

    /// Checks that the terminal shows the editor's line, and its cursor.
    fn check_screen(&self) {
        let (text, cursor) = (self.editor.text(), self.editor.cursor());
        let row = self.terminal.row();
        if text.len() <= CELLS {
            assert_eq!(row, format!("{PROMPT}{text}").trim_end());
            assert_eq!(self.terminal.column, PROMPT.len() + cursor);
            return;
        }
        // A longer line shows a window of itself with the cursor in it.
        let shown = format!("{:CELLS$}", row.strip_prefix(PROMPT).unwrap());
        let at = self.terminal.column - PROMPT.len();
        let first = cursor - at;
        let window = &text[first..text.len().min(first + CELLS)];
        let from = usize::from(first > 0);
        let more = text.len() > first + CELLS;
        let to = window.len() - usize::from(more);
        assert_eq!(shown[from..to], window[from..to]);
        assert_eq!(shown.starts_with('<'), first > 0 || window.starts_with('<'));
        assert!(!more || shown.ends_with('>'));
        assert!((from..=to).contains(&at), "the cursor is in the window");
    }
}

#[test]
fn keys_edit_the_line() {
    for (typed, line) in [
        ("threads\r", "threads"),
        ("thrx\x7feads\r", "threads"),
        ("thrx\x08eads\r", "threads"),
        ("nonsense\x15threads\r", "threads"),
        ("sleep 10 20\x17\x17\x17threads\r", "threads"),
        ("hreads\x01t\r", "threads"),
        ("hread\x01t\x05s\r", "threads"),
        ("threads now\x1b[D\x1b[D\x1b[D\x1b[D\x0b\r", "threads"),
        ("tthreads\x1b[H\x1b[3~\r", "threads"),
        ("threds\x1b[D\x1b[Da\r", "threads"),
        ("hread\x1b[Ht\x1b[Fs\r", "threads"),
        ("tthreads\x01\x04\r", "threads"),
        ("threads\t1\r", "threads 1"),
    ] {
        let desk = Desk::<64>::after(typed);
        assert_eq!(desk.lines, [Ok(line.into())], "{typed:?}");
    }
}

#[test]
fn the_history_goes_up_and_down() {
    let mut desk = Desk::<64>::after("one\rtwo\rtwo\r\rdraft");
    for (key, line) in [
        ("\x1b[A", "two"),
        ("\x1b[A", "one"),
        ("\x1b[A", "one"),
        ("\x1bOB", "two"),
        ("\x0e", "draft"),
        ("\x0e", "draft"),
        ("\x10", "two"),
    ] {
        desk.types(key);
        assert_eq!(desk.editor.text(), line);
        desk.check_screen();
    }
    desk.types("!\r\x1b[A\x1b[A\x1b[A");
    assert_eq!(desk.lines.last(), Some(&Ok("two!".into())));
    assert_eq!(desk.editor.text(), "one");
}

#[test]
fn ctrl_c_drops_the_line() {
    let mut desk = Desk::<64>::after("reboot\x03");
    assert_eq!((desk.interrupts, desk.lines.len()), (1, 0));
    assert_eq!(desk.terminal.rows[0], b"layercake> reboot^C");
    desk.types("help\r");
    assert_eq!(desk.lines, [Ok("help".into())]);
}

#[test]
fn ctrl_d_on_an_empty_line_is_an_event() {
    let mut out = String::new();
    let mut editor = Editor::<16, 16>::new("> ");
    assert_eq!(editor.feed(0x04, &mut out), Some(Event::EndOfInput));
    editor.feed(b'a', &mut out);
    assert_eq!(editor.feed(0x04, &mut out), None);
    assert_eq!(editor.text(), "a");
}

#[test]
fn a_line_that_is_too_long_is_refused_as_a_whole() {
    let mut desk = Desk::<256>::after("poweroff ".repeat(1200) + "\rhelp\r");
    let length = 1200 * 9;
    assert_eq!(
        desk.lines,
        [Err(TooLong { length, limit: 256 }), Ok("help".into())]
    );
    assert_eq!(desk.terminal.bells, 1);

    // Removing characters does not make it whole again, and neither does the history.
    desk.lines.clear();
    desk.types("x".repeat(257) + "\x7f\x7f\x1b[A\x1b[B\r");
    assert_eq!(desk.lines, [Ok(String::new())]);
    desk.types("x".repeat(257) + "\x7f\x7f\r");
    assert!(desk.lines.last().unwrap().is_err());

    // Emptying it does.
    for empty in ["\x15", "\x01\x0b", "\x03"] {
        desk.types("x".repeat(300) + empty + "help\r");
        assert_eq!(desk.lines.last(), Some(&Ok("help".into())));
    }
    // The longest line is one of them.
    desk.types("y".repeat(256) + "\r");
    assert_eq!(desk.lines.last(), Some(&Ok("y".repeat(256))));
}

#[test]
fn characters_outside_of_ascii_ring_once() {
    let desk = Desk::<64>::after("gr\u{fc}\u{df}e\r".as_bytes());
    assert_eq!(
        (desk.lines, desk.terminal.bells),
        (vec![Ok("gre".into())], 1)
    );
}

#[test]
fn a_paste_of_100_kb_gives_every_line_and_costs_little() {
    let mut pasted = Vec::new();
    let mut lines = Vec::new();
    while pasted.len() < 100_000 {
        let i = lines.len();
        let line = format!("echo {i} {}", "word ".repeat(i * 7 % 49));
        pasted.extend_from_slice(line.as_bytes());
        pasted.extend_from_slice([&b"\r"[..], b"\n", b"\r\n"][i % 3]);
        lines.push(Ok(line));
    }
    let desk = Desk::<256>::after(&pasted);
    assert_eq!(desk.lines, lines);
    let prompts = lines.len() * (PROMPT.len() + 10);
    let echo = desk.terminal.bytes - prompts;
    assert!(
        echo < 4 * pasted.len(),
        "{echo} bytes of echo for {}",
        pasted.len()
    );
}

/// What may be typed: text, keys, escape sequences, noise.
fn typing() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => "[ -~]{1,12}".prop_map(String::into_bytes),
        1 => "[ -~]{60,90}".prop_map(String::into_bytes),
        6 => (0_u8..0x20).prop_map(|byte| vec![byte]),
        2 => Just(vec![0x7f]),
        4 => "[ABCDHF]".prop_map(|key| format!("\x1b[{key}").into_bytes()),
        2 => "[1-9]".prop_map(|key| format!("\x1b[{key}~").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_screen_always_shows_the_line(bytes in typing()) {
        let mut desk = Desk::<100>::new();
        for byte in bytes {
            desk.types([byte]);
            desk.check_screen();
        }
    }

    #[test]
    fn any_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        let mut desk = Desk::<100>::after(&bytes);
        desk.check_screen();
        // Whatever came before: Ctrl-C, and the next line is as typed.
        desk.types("\x03help\r");
        prop_assert_eq!(desk.lines.last(), Some(&Ok("help".into())));
        for line in desk.lines.iter().flatten() {
            prop_assert!(line.len() <= 100 && line.bytes().all(|b| matches!(b, 0x20..=0x7e)));
        }
    }

    #[test]
    fn editing_is_what_a_plain_model_does(
        keys in prop::collection::vec((0_usize..12, 0x20_u8..0x7f), 0..120)
    ) {
        let mut desk = Desk::<100>::new();
        let (mut model, mut at) = (Vec::<u8>::new(), 0);
        for (key, byte) in keys {
            let typed: &[u8] = match key {
                0 => { at = 0; b"\x01" }
                1 => { at = model.len(); b"\x05" }
                2 => { at = at.saturating_sub(1); b"\x1b[D" }
                3 => { at = model.len().min(at + 1); b"\x1b[C" }
                4 => { if at > 0 { at -= 1; model.remove(at); } b"\x7f" }
                5 => { if at < model.len() { model.remove(at); } b"\x1b[3~" }
                6 => { model.truncate(at); b"\x0b" }
                7 if byte < 0x28 => { model.clear(); at = 0; b"\x15" }
                8 => {
                    let start = at;
                    while at > 0 && model[at - 1] == b' ' { at -= 1; }
                    while at > 0 && model[at - 1] != b' ' { at -= 1; }
                    model.drain(at..start);
                    b"\x17"
                }
                _ if model.len() < 100 => { model.insert(at, byte); at += 1; &[byte] }
                _ => continue,
            };
            desk.types(typed);
            prop_assert_eq!(desk.editor.text().as_bytes(), &model);
            prop_assert_eq!(desk.editor.cursor(), at);
            desk.check_screen();
        }
    }

    #[test]
    fn pasted_lines_arrive_exactly(
        lines in prop::collection::vec(("[ -~]{0,100}", prop::sample::select(vec!["\r", "\n", "\r\n"])), 0..60)
    ) {
        let mut pasted = String::new();
        let mut expected = Vec::new();
        for (line, end) in lines {
            // CR, then an empty line ended by LF, is CRLF to everyone.
            let end = if pasted.ends_with('\r') && line.is_empty() { "\r" } else { end };
            pasted += &line;
            pasted += end;
            expected.push(Ok(line));
        }
        prop_assert_eq!(Desk::<100>::after(pasted).lines, expected);
    }
}
