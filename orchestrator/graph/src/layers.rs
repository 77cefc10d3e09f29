//! Which layer each state is in: cycles broken, every link downwards, long links through a place in each layer.
//!
//! Owns: the graph of one scope in layers. Nodes are the start, the states, the end, and lanes that long links take.

use crate::scope::Scope;

/// A scope's graph in layers.
#[derive(Debug)]
pub struct Layered {
    /// Layer of each node; the start is node 0, state `i` is node `i + 1`.
    pub layer: Vec<usize>,
    /// Index of the end, if anything leads to it.
    pub end: Option<usize>,
    /// Nodes of each layer.
    pub layers: Vec<Vec<usize>>,
    /// For each node those that it is linked with in the layer above.
    pub above: Vec<Vec<usize>>,
    /// The same below.
    pub below: Vec<Vec<usize>>,
    /// The drawn links.
    pub routes: Vec<Route>,
    /// Number of states.
    states: usize,
}

/// The way of a link, from above to below.
#[derive(Debug)]
pub struct Route {
    /// Index of the link; `None` is the one from the start.
    pub link: Option<usize>,
    /// Nodes on the way, each a layer further down.
    pub nodes: Vec<usize>,
    /// Whether the link leads upwards.
    pub is_back: bool,
}

/// An edge between nodes before it has a way.
struct Edge {
    link: Option<usize>,
    upper: usize,
    lower: usize,
    is_back: bool,
}

impl Layered {
    /// Puts a scope into layers.
    pub fn of(scope: &Scope) -> Self {
        let states = scope.states.len();
        let end = states + 1;
        let edges = downwards(scope, end);
        let has_end = scope.links.iter().any(|link| link.to.is_none());
        let count = states + 1 + usize::from(has_end);
        let layer = longest_ways(count, &edges);
        let mut layered = Self {
            layers: vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)],
            layer,
            end: has_end.then_some(end),
            above: vec![Vec::new(); count],
            below: vec![Vec::new(); count],
            routes: Vec::new(),
            states,
        };
        for node in 0..count {
            layered.layers[layered.layer[node]].push(node);
        }
        for edge in edges {
            layered.route(&edge);
        }
        layered
    }

    /// Whether a node is a place that a long link takes.
    pub fn is_lane(&self, node: usize) -> bool {
        node > self.states && self.end != Some(node)
    }

    /// The state of a node.
    pub fn state_of(&self, node: usize) -> Option<usize> {
        (1..=self.states).contains(&node).then(|| node - 1)
    }

    fn route(&mut self, edge: &Edge) {
        let mut nodes = vec![edge.upper];
        for layer in self.layer[edge.upper] + 1..self.layer[edge.lower] {
            let lane = self.layer.len();
            self.layer.push(layer);
            self.layers[layer].push(lane);
            self.above.push(Vec::new());
            self.below.push(Vec::new());
            nodes.push(lane);
        }
        nodes.push(edge.lower);
        for pair in nodes.windows(2) {
            self.below[pair[0]].push(pair[1]);
            self.above[pair[1]].push(pair[0]);
        }
        self.routes.push(Route {
            link: edge.link,
            nodes,
            is_back: edge.is_back,
        });
    }
}

/// All links as edges that lead downwards: those that close a cycle are turned round. Links of a state to itself have no
/// way; they are drawn beside it.
fn downwards(scope: &Scope, end: usize) -> Vec<Edge> {
    let node_of = |to: Option<usize>| to.map_or(end, |state| state + 1);
    let mut closes = vec![false; scope.links.len()];
    let mut seen = vec![Seen::Not; scope.states.len()];
    for root in scope.start.into_iter().chain(0..scope.states.len()) {
        find_cycles(scope, root, &mut seen, &mut closes);
    }
    let first = scope.start.map(|start| Edge {
        link: None,
        upper: 0,
        lower: start + 1,
        is_back: false,
    });
    let links = scope.links.iter().enumerate();
    let edges = links.filter(|(_, link)| link.to != Some(link.from));
    let edges = edges.map(|(at, link)| {
        let (from, to) = (link.from + 1, node_of(link.to));
        let (upper, lower) = if closes[at] { (to, from) } else { (from, to) };
        Edge {
            link: Some(at),
            upper,
            lower,
            is_back: closes[at],
        }
    });
    first.into_iter().chain(edges).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Not,
    OnTheWay,
    Done,
}

/// Walks from `root`, without recursion, and notes the links that lead back to a state on the way.
fn find_cycles(scope: &Scope, root: usize, seen: &mut [Seen], closes: &mut [bool]) {
    if seen[root] != Seen::Not {
        return;
    }
    seen[root] = Seen::OnTheWay;
    let mut way = vec![(root, 0)];
    while let Some((state, next)) = way.pop() {
        let mut links = scope.links.iter().enumerate().skip(next);
        let found = links.find(|(_, link)| link.from == state && link.to.is_some());
        let Some((at, link)) = found else {
            seen[state] = Seen::Done;
            continue;
        };
        way.push((state, at + 1));
        let to = link.to.unwrap_or(state);
        match seen[to] {
            Seen::OnTheWay => closes[at] = true,
            Seen::Done => {}
            Seen::Not => {
                seen[to] = Seen::OnTheWay;
                way.push((to, 0));
            }
        }
    }
}

/// For each node the length of the longest way to it.
fn longest_ways(count: usize, edges: &[Edge]) -> Vec<usize> {
    let mut layer = vec![0; count];
    let mut waits = vec![0; count];
    let mut out = vec![Vec::new(); count];
    for edge in edges {
        waits[edge.lower] += 1;
        out[edge.upper].push(edge.lower);
    }
    let mut ready: Vec<usize> = (0..count).filter(|node| waits[*node] == 0).collect();
    // What nothing leads to begins below the start's mark.
    for node in ready.iter().filter(|node| **node != 0) {
        layer[*node] = 1;
    }
    while let Some(node) = ready.pop() {
        for lower in &out[node] {
            layer[*lower] = layer[*lower].max(layer[node] + 1);
            waits[*lower] -= 1;
            if waits[*lower] == 0 {
                ready.push(*lower);
            }
        }
    }
    layer
}
