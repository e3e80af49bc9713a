//! As much of SVG as the pictures need: lines, dots, boxes and text, in a few styles.

use std::fmt::Write as _;

/// Colours that people with any kind of sight can tell apart (after Okabe and Ito).
const STYLE: &str = "\
text{font:13px 'DejaVu Sans',Verdana,sans-serif;fill:#222}\
.title{font-size:18px;font-weight:bold}\
.small{font-size:11px;fill:#555;stroke:#fff;stroke-width:3px;paint-order:stroke}\
.strong{font-weight:bold}\
.grid{stroke:#e3e3e3;stroke-width:1}\
.axis{stroke:#777;stroke-width:1}\
.goal{stroke:#111;stroke-width:3}\
.range{stroke:#d55e00;stroke-width:1.5;opacity:.45}\
.curve{fill:none;stroke:#d55e00;stroke-width:2.5}\
.own{fill:#d55e00}\
.ring{fill:none;stroke:#d55e00;stroke-width:3.5}\
.s0{fill:#0072b2}.s1{fill:#009e73}.s2{fill:#e0a000}.s3{fill:#b05a9a}.s4{fill:#4aa3d8}\
.t0{fill:#0072b2}.t1{fill:#e69f00}.t2{fill:#009e73}.t3{fill:#cc79a7}.t4{fill:#56b4e9}\
.t5{fill:#d55e00}.t6{fill:#8f8f8f}.t7{fill:#f0e442}.t8{fill:#117733}.t9{fill:#332288}";

/// Where a text stands as seen from its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture on white, made front to back in the order of the calls. Units are pixels.
pub struct Picture {
    width: f64,
    height: f64,
    body: String,
}

impl Picture {
    pub fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            body: String::new(),
        }
    }

    pub fn text(&mut self, at: (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.put(format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{}</text>",
            at.0,
            at.1,
            escaped(text)
        ));
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        self.put(format_args!(
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" class=\"{class}\"/>",
            from.0, from.1, to.0, to.1
        ));
    }

    pub fn dot(&mut self, at: (f64, f64), radius: f64, class: &str) {
        self.put(format_args!(
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\" class=\"{class}\"/>",
            at.0, at.1
        ));
    }

    pub fn curve(&mut self, points: &[(f64, f64)]) {
        let points: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        self.put(format_args!(
            "<polyline points=\"{}\" class=\"curve\"/>",
            points.join(" ")
        ));
    }

    /// Boxes in a row, each from an x and so wide.
    pub fn boxes(&mut self, y: f64, height: f64, boxes: &[(f64, f64)], class: &str) {
        if boxes.is_empty() {
            return;
        }
        let paths: String = boxes
            .iter()
            .map(|(x, width)| format!("M{x} {y:.1}h{width}v{height:.1}h-{width}z"))
            .collect();
        self.put(format_args!("<path d=\"{paths}\" class=\"{class}\"/>"));
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("a String takes everything");
    }

    pub fn finish(self) -> String {
        let Self {
            width,
            height,
            body,
        } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\">\n<style>{STYLE}</style>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_the_picture() {
        let mut picture = Picture::new(10.0, 20.0);
        picture.text((1.0, 2.0), Anchor::End, "small", "a < b & c");
        let svg = picture.finish();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains(">a &lt; b &amp; c</text>"));
    }
}
