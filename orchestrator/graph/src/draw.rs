//! The picture as SVG, without scripts and without anything from elsewhere.
//!
//! Each state's group has `data-state`, so that a page can mark states by a class.

use crate::limits::{HEADING, MARK};
use crate::place::{Laid, Placed, Point, Way, label_at};
use crate::scope::LinkKind;
use std::fmt::Write;

/// Colours that go with light and dark pages.
const STYLE: &str = "\
svg{font:13px system-ui,sans-serif;--line:#667;--box:#fff;--text:#123;--soft:#f4f6f9}\
@media(prefers-color-scheme:dark){svg{--line:#99a;--box:#1c2230;--text:#e6e9f0;--soft:#151a24}}\
.state>rect{fill:var(--box);stroke:var(--line);stroke-width:1.2}\
.scope>rect{fill:var(--soft)}\
.Choice>rect{stroke:#b8860b}.Fail>rect{stroke:#c0392b}.Succeed>rect{stroke:#2e8b57}.Task>rect{stroke:#2f6fd0}\
text{fill:var(--text)}.about,.label{font-size:11px;opacity:.75}\
.way{fill:none;stroke:var(--line);stroke-width:1.2}.catch{stroke-dasharray:4 3;stroke:#c0392b}\
.mark{fill:var(--line)}.end{fill:none;stroke:var(--line);stroke-width:1.5}";

/// The whole picture.
pub fn svg(laid: &Laid) -> String {
    let (width, height) = (laid.width.ceil(), laid.height.ceil());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <style>{STYLE}</style>\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path class=\"mark\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
    );
    draw(laid, Point { x: 0.0, y: 0.0 }, &mut out);
    out.push_str("</svg>\n");
    out
}

fn draw(laid: &Laid, from: Point, out: &mut String) {
    for way in &laid.ways {
        draw_way(way, from, out);
    }
    for (at, is_end) in &laid.marks {
        let (x, y, r) = (at.x + from.x, at.y + from.y, MARK / 2.0);
        let _ = writeln!(
            out,
            "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\"/>",
            if *is_end { "end" } else { "mark" }
        );
        if *is_end {
            let r = r - 4.0;
            let _ = writeln!(
                out,
                "<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\"/>"
            );
        }
    }
    for placed in &laid.boxes {
        draw_box(placed, from, out);
    }
}

fn draw_box(placed: &Placed, from: Point, out: &mut String) {
    let at = Point {
        x: placed.at.x + from.x,
        y: placed.at.y + from.y,
    };
    let scope = if placed.inner.is_empty() {
        ""
    } else {
        " scope"
    };
    let (name, kind) = (escaped(&placed.name), escaped(&placed.kind));
    let _ = writeln!(
        out,
        "<g class=\"state {kind}{scope}\" data-state=\"{name}\">\
         <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"8\"/>",
        at.x, at.y, placed.width, placed.height
    );
    let (middle, line) = match placed.inner.is_empty() {
        true => (at.x + placed.width / 2.0, at.y + placed.height / 2.0 - 3.0),
        false => (at.x + placed.width / 2.0, at.y + HEADING - 10.0),
    };
    let about = escaped(&placed.about);
    let _ = writeln!(
        out,
        "<text x=\"{middle:.1}\" y=\"{line:.1}\" text-anchor=\"middle\">{name}</text>\
         <text class=\"about\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{about}</text>",
        line + 15.0
    );
    for (corner, laid) in &placed.inner {
        let from = Point {
            x: at.x + corner.x,
            y: at.y + corner.y,
        };
        draw(laid, from, out);
    }
    out.push_str("</g>\n");
}

fn draw_way(way: &Way, from: Point, out: &mut String) {
    let points: Vec<Point> = way
        .points
        .iter()
        .map(|point| Point {
            x: point.x + from.x,
            y: point.y + from.y,
        })
        .collect();
    let mut path = format!("M{:.1} {:.1}", points[0].x, points[0].y);
    for pair in points.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let half = (a.y + b.y) / 2.0;
        let _ = write!(
            path,
            "C{:.1} {half:.1} {:.1} {half:.1} {:.1} {:.1}",
            a.x, b.x, b.x, b.y
        );
    }
    let class = match way.kind {
        LinkKind::Next => "way",
        LinkKind::Catch => "way catch",
    };
    let _ = writeln!(
        out,
        "<path class=\"{class}\" d=\"{path}\" marker-end=\"url(#arrow)\"/>"
    );
    if !way.label.is_empty() {
        let at = label_at(way);
        let _ = writeln!(
            out,
            "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            at.x + from.x,
            at.y + from.y,
            escaped(&way.label)
        );
    }
}

/// Text that may stand in XML, in attributes too. Control characters can't.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
