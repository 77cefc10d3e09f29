//! The order within layers: few crossings, by the mean of what each node is linked with above or below.

use crate::layers::Layered;
use crate::limits::ORDER_ROUNDS;

/// Orders the nodes of each layer; the best order that was seen stays.
pub fn order(graph: &mut Layered) {
    let mut best = graph.layers.clone();
    let mut fewest = crossings(graph);
    for round in 0..ORDER_ROUNDS {
        if fewest == 0 {
            break;
        }
        sweep(graph, round % 2 == 0);
        let found = crossings(graph);
        if found < fewest {
            (fewest, best) = (found, graph.layers.clone());
        }
    }
    graph.layers = best;
}

/// Goes through the layers once, downwards or upwards.
fn sweep(graph: &mut Layered, downwards: bool) {
    let count = graph.layers.len();
    let layers: Vec<usize> = if downwards {
        (1..count).collect()
    } else {
        (0..count.saturating_sub(1)).rev().collect()
    };
    for layer in layers {
        let fixed = if downwards { layer - 1 } else { layer + 1 };
        let place = places(graph, fixed);
        let mut nodes = std::mem::take(&mut graph.layers[layer]);
        let mean = |node: usize, at: usize| {
            let linked = if downwards {
                &graph.above[node]
            } else {
                &graph.below[node]
            };
            match linked.len() {
                0 => at as f64,
                n => linked.iter().map(|other| place[*other]).sum::<usize>() as f64 / n as f64,
            }
        };
        let mut keyed: Vec<(f64, usize, usize)> = nodes
            .drain(..)
            .enumerate()
            .map(|(at, node)| (mean(node, at), at, node))
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        graph.layers[layer] = keyed.into_iter().map(|(_, _, node)| node).collect();
    }
}

/// Place within its layer of each node of a layer; 0 for all others.
fn places(graph: &Layered, layer: usize) -> Vec<usize> {
    let mut place = vec![0; graph.layer.len()];
    for (at, node) in graph.layers[layer].iter().enumerate() {
        place[*node] = at;
    }
    place
}

/// How many pairs of links between adjacent layers cross.
fn crossings(graph: &Layered) -> usize {
    let mut all = 0;
    for layer in 1..graph.layers.len() {
        let place = places(graph, layer);
        // Upper ends in order: each crosses those before it whose lower end is further right.
        let mut ends = Ends::new(graph.layers[layer].len());
        for upper in &graph.layers[layer - 1] {
            let mut lower: Vec<usize> = graph.below[*upper]
                .iter()
                .map(|node| place[*node])
                .collect();
            lower.sort_unstable();
            all += lower.iter().map(|at| ends.behind(*at)).sum::<usize>();
            lower.into_iter().for_each(|at| ends.add(at));
        }
    }
    all
}

/// How many ends are at each place, with sums in logarithmic time (a Fenwick tree).
struct Ends {
    sums: Vec<usize>,
    count: usize,
}

impl Ends {
    fn new(places: usize) -> Self {
        Self {
            sums: vec![0; places + 1],
            count: 0,
        }
    }

    fn add(&mut self, place: usize) {
        self.count += 1;
        let mut at = place + 1;
        while at < self.sums.len() {
            self.sums[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    /// How many there are behind a place.
    fn behind(&self, place: usize) -> usize {
        let (mut at, mut up_to) = (place + 1, 0);
        while at > 0 {
            up_to += self.sums[at];
            at -= at & at.wrapping_neg();
        }
        self.count - up_to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_behind_a_place_are_counted() {
        let mut ends = Ends::new(5);
        [0, 3, 3, 4].into_iter().for_each(|at| ends.add(at));
        let behind: Vec<usize> = (0..5).map(|at| ends.behind(at)).collect();
        assert_eq!(behind, [3, 3, 3, 1, 0]);
    }
}
