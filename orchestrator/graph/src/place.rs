//! Where everything is: sizes from inside out, layers from top to bottom, boxes as near as can be to what they are linked
//! with.

use crate::layers::{Layered, Route};
use crate::limits::{
    BOX_HEIGHT, BOX_WIDTH_MIN, CHARACTER, GAP, HEADING, LANE, LAYER_GAP, MARK, PADDING,
    PLACE_ROUNDS,
};
use crate::order::order;
use crate::scope::{LinkKind, Scope, State};

/// A scope with places, from its own upper left corner.
#[derive(Debug, Default)]
pub struct Laid {
    /// Size.
    pub width: f64,
    /// Size.
    pub height: f64,
    /// Boxes of the states.
    pub boxes: Vec<Placed>,
    /// Marks of start and end: their centres, and whether it is the end.
    pub marks: Vec<(Point, bool)>,
    /// Links.
    pub ways: Vec<Way>,
}

/// A place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// A state's box.
#[derive(Debug)]
pub struct Placed {
    /// Upper left corner.
    pub at: Point,
    /// Size.
    pub width: f64,
    /// Size.
    pub height: f64,
    /// Name.
    pub name: String,
    /// Type.
    pub kind: String,
    /// Below the name.
    pub about: String,
    /// Scopes within, and the upper left corner of each within the box.
    pub inner: Vec<(Point, Laid)>,
}

/// A link as it is drawn.
#[derive(Debug)]
pub struct Way {
    /// From where to where, through what is between.
    pub points: Vec<Point>,
    /// Which sort.
    pub kind: LinkKind,
    /// What is said beside it.
    pub label: String,
}

/// Lays a scope out, with all scopes within.
pub fn lay(scope: &Scope) -> Laid {
    let mut boxes: Vec<Placed> = scope.states.iter().map(sized).collect();
    let mut graph = Layered::of(scope);
    order(&mut graph);
    let size = |node: usize| match graph.state_of(node) {
        Some(state) => (boxes[state].width, boxes[state].height),
        None if graph.is_lane(node) => (LANE, 0.0),
        None => (MARK, MARK),
    };
    let sizes: Vec<(f64, f64)> = (0..graph.layer.len()).map(size).collect();
    let x = columns(&graph, &sizes);
    let (rows, height) = rows(&graph, &sizes);
    for (state, placed) in boxes.iter_mut().enumerate() {
        let node = state + 1;
        placed.at = Point {
            x: x[node] - placed.width / 2.0,
            y: rows[graph.layer[node]] - placed.height / 2.0,
        };
    }
    let centre = |node: usize| Point {
        x: x[node],
        y: rows[graph.layer[node]],
    };
    let start = scope.start.map(|_| (centre(0), false));
    let end = graph.end.map(|end| (centre(end), true));
    let ways = ways(scope, &graph, &sizes, centre, &boxes);
    let mut laid = Laid {
        width: 0.0,
        height,
        boxes,
        marks: start.into_iter().chain(end).collect(),
        ways,
    };
    fit(&mut laid);
    laid
}

/// The box of a state: as wide as its text, or as the scopes within, which stand side by side.
fn sized(state: &State) -> Placed {
    let inner: Vec<Laid> = state.inner.iter().map(lay).collect();
    let longest = state.name.chars().count().max(state.about.chars().count());
    let text = (longest as f64 * CHARACTER + 2.0 * PADDING).max(BOX_WIDTH_MIN);
    let mut placed = Placed {
        at: Point { x: 0.0, y: 0.0 },
        width: text,
        height: BOX_HEIGHT,
        name: state.name.clone(),
        kind: state.kind.clone(),
        about: state.about.clone(),
        inner: Vec::new(),
    };
    if inner.is_empty() {
        return placed;
    }
    let gaps = (inner.len() - 1) as f64 * PADDING;
    let within: f64 = inner.iter().map(|laid| laid.width).sum::<f64>() + gaps;
    placed.width = text.max(within + 2.0 * PADDING);
    let tallest = inner.iter().map(|laid| laid.height).fold(0.0, f64::max);
    placed.height = BOX_HEIGHT.max(HEADING + PADDING + tallest + PADDING);
    let mut x = (placed.width - within) / 2.0;
    for laid in inner {
        let at = Point {
            x,
            y: HEADING + PADDING,
        };
        x += laid.width + PADDING;
        placed.inner.push((at, laid));
    }
    placed
}

/// The horizontal centre of each node.
fn columns(graph: &Layered, sizes: &[(f64, f64)]) -> Vec<f64> {
    let mut x = vec![0.0; graph.layer.len()];
    for nodes in &graph.layers {
        settle(nodes, sizes, &mut x, |_| 0.0);
    }
    for round in 0..PLACE_ROUNDS {
        let count = graph.layers.len();
        let downwards = round % 2 == 0;
        for step in 0..count {
            let layer = if downwards { step } else { count - 1 - step };
            let before = x.clone();
            let linked = |node: usize| {
                let linked = if downwards {
                    &graph.above[node]
                } else {
                    &graph.below[node]
                };
                match linked.len() {
                    0 => before[node],
                    n => linked.iter().map(|other| before[*other]).sum::<f64>() / n as f64,
                }
            };
            settle(&graph.layers[layer], sizes, &mut x, linked);
        }
    }
    x
}

/// Puts a layer's nodes as near as can be (least squares) to where they are wanted, in their order and apart: a regression
/// that must not decrease, once the least distances are taken off (pool adjacent violators).
fn settle(nodes: &[usize], sizes: &[(f64, f64)], x: &mut [f64], wanted: impl Fn(usize) -> f64) {
    let mut offset = 0.0;
    let mut offsets = Vec::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            offset += (sizes[nodes[at - 1]].0 + sizes[*node].0) / 2.0 + GAP;
        }
        offsets.push(offset);
    }
    // Blocks of nodes that stand as close as they may: sum of what is wanted, and how many.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (node, offset) in nodes.iter().zip(&offsets) {
        blocks.push((wanted(*node) - offset, 1));
        while let [.., (above, m), (below, n)] = blocks[..]
            && above / m as f64 >= below / n as f64
        {
            blocks.truncate(blocks.len() - 2);
            blocks.push((above + below, m + n));
        }
    }
    let fitted = blocks
        .iter()
        .flat_map(|(sum, n)| std::iter::repeat_n(sum / *n as f64, *n));
    for ((node, offset), fit) in nodes.iter().zip(&offsets).zip(fitted) {
        x[*node] = fit + offset;
    }
}

/// The vertical centre of each layer, and the height of all.
fn rows(graph: &Layered, sizes: &[(f64, f64)]) -> (Vec<f64>, f64) {
    let mut y = PADDING / 2.0;
    let mut rows = Vec::with_capacity(graph.layers.len());
    for nodes in &graph.layers {
        let height = nodes.iter().map(|node| sizes[*node].1).fold(0.0, f64::max);
        rows.push(y + height / 2.0);
        y += height + LAYER_GAP;
    }
    (rows, (y - LAYER_GAP + PADDING / 2.0).max(0.0))
}

fn ways(
    scope: &Scope,
    graph: &Layered,
    sizes: &[(f64, f64)],
    centre: impl Fn(usize) -> Point,
    boxes: &[Placed],
) -> Vec<Way> {
    let mut ways: Vec<Way> = graph
        .routes
        .iter()
        .enumerate()
        .map(|(at, route)| {
            let mut points: Vec<Point> = route.nodes.iter().map(|node| centre(*node)).collect();
            let (first, last) = (route.nodes[0], route.nodes[route.nodes.len() - 1]);
            let end = points.len() - 1;
            points[0].y += sizes[first].1 / 2.0;
            points[0].x += port(graph, sizes, &centre, first, at, true);
            points[end].y -= sizes[last].1 / 2.0;
            points[end].x += port(graph, sizes, &centre, last, at, false);
            if route.is_back {
                points.reverse();
            }
            let link = route.link.map(|link| &scope.links[link]);
            Way {
                points,
                kind: link.map_or(LinkKind::Next, |link| link.kind),
                label: link.map(|link| link.label.clone()).unwrap_or_default(),
            }
        })
        .collect();
    let loops = scope.links.iter().filter(|link| link.to == Some(link.from));
    ways.extend(loops.map(|link| {
        let placed = &boxes[link.from];
        let (right, middle) = (
            placed.at.x + placed.width,
            placed.at.y + placed.height / 2.0,
        );
        let points = [(0.0, -10.0), (GAP / 2.0, 0.0), (0.0, 10.0)];
        Way {
            points: points
                .map(|(x, y)| Point {
                    x: right + x,
                    y: middle + y,
                })
                .to_vec(),
            kind: link.kind,
            label: link.label.clone(),
        }
    }));
    ways
}

/// How far from the middle of a box a link begins or ends, so that links don't lie on each other: in the order of where
/// they come from.
fn port(
    graph: &Layered,
    sizes: &[(f64, f64)],
    centre: impl Fn(usize) -> Point,
    node: usize,
    route: usize,
    below: bool,
) -> f64 {
    let next = |route: &Route| match below {
        true if route.nodes[0] == node => Some(route.nodes[1]),
        false if route.nodes[route.nodes.len() - 1] == node => {
            Some(route.nodes[route.nodes.len() - 2])
        }
        _ => None,
    };
    let mut here: Vec<(f64, usize)> = graph
        .routes
        .iter()
        .enumerate()
        .filter_map(|(at, route)| Some((centre(next(route)?).x, at)))
        .collect();
    here.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let place = here.iter().position(|(_, at)| *at == route).unwrap_or(0);
    let room = sizes[node].0 * 0.6;
    let step = (room / here.len() as f64).min(GAP);
    (place as f64 - (here.len() - 1) as f64 / 2.0) * step
}

/// Moves everything so that it begins at the corner, and takes the width.
fn fit(laid: &mut Laid) {
    let lefts = laid.boxes.iter().map(|placed| placed.at.x);
    let rights = laid.boxes.iter().map(|placed| placed.at.x + placed.width);
    let points = || {
        laid.ways
            .iter()
            .flat_map(|way| way.points.iter().map(|point| point.x))
    };
    let words = laid.ways.iter().map(|way| {
        let room = way.label.chars().count() as f64 * CHARACTER * 0.8;
        label_at(way).x + room
    });
    let left = lefts.chain(points()).fold(f64::MAX, f64::min);
    let right = rights.chain(points()).chain(words).fold(f64::MIN, f64::max);
    let shift = PADDING / 2.0 - left;
    laid.boxes
        .iter_mut()
        .for_each(|placed| placed.at.x += shift);
    laid.marks.iter_mut().for_each(|(at, _)| at.x += shift);
    for way in &mut laid.ways {
        way.points.iter_mut().for_each(|point| point.x += shift);
    }
    laid.width = right - left + PADDING;
}

/// Where a link's label begins: beside its first part.
pub fn label_at(way: &Way) -> Point {
    let (a, b) = (way.points[0], way.points[1]);
    Point {
        x: (a.x + b.x) / 2.0 + 5.0,
        y: (a.y + b.y) / 2.0,
    }
}
