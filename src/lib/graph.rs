//! Dependency graphs: topological order, closures and cycles. Nothing here recurses.

/// A directed graph over the nodes `0..len`. An edge leads from a node to one of its dependencies.
#[derive(Debug, Default, Clone)]
pub struct Graph {
    edges: Vec<Vec<u32>>,
}

/// The error that the graph has cycles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycles {
    /// One cycle of each strongly connected component that has any, in the order of its edges; the last node depends on
    /// the first.
    pub cycles: Vec<Vec<u32>>,
    /// The number of nodes in these components.
    pub members: usize,
}

impl Graph {
    /// Creates a graph of `len` nodes without edges.
    pub fn new(len: usize) -> Self {
        Self { edges: vec![Vec::new(); len] }
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Records that `node` depends on `on`. Returns whether the edge is new. Edges are kept in the order of their
    /// addition.
    pub fn add(&mut self, node: u32, on: u32) -> bool {
        let edges = &mut self.edges[node as usize];
        let new = !edges.contains(&on);
        if new {
            edges.push(on);
        }
        new
    }

    /// The direct dependencies of `node`, in the order of their addition.
    pub fn direct(&self, node: u32) -> &[u32] {
        &self.edges[node as usize]
    }

    /// Numbers the nodes so that each node has a lower number than its dependencies.
    ///
    /// Of the nodes that are ready, the one that became ready last is numbered first. Nodes on which no other node
    /// depends are ready from the start, and the last of them comes first. The contents of depmod's files depend on
    /// exactly this order.
    pub fn topological_numbers(&self) -> Result<Vec<u32>, Cycles> {
        let mut users = vec![0_u32; self.len()];
        for &on in self.edges.iter().flatten() {
            users[on as usize] += 1;
        }
        let mut ready: Vec<u32> = self.nodes().filter(|&node| users[node as usize] == 0).collect();
        let mut numbers = vec![u32::MAX; self.len()];
        let mut next = 0;
        while let Some(node) = ready.pop() {
            numbers[node as usize] = next;
            next += 1;
            for &on in self.direct(node) {
                users[on as usize] -= 1;
                if users[on as usize] == 0 {
                    ready.push(on);
                }
            }
        }
        if numbers.contains(&u32::MAX) { Err(self.cycles()) } else { Ok(numbers) }
    }

    /// Returns all direct and indirect dependencies of `node`, without `node` itself, sorted by `numbers`.
    ///
    /// `seen` is scratch space with one entry per node that the caller keeps between calls. All entries are initially
    /// `u32::MAX`.
    pub fn closure(&self, node: u32, numbers: &[u32], seen: &mut [u32]) -> Vec<u32> {
        let mut closure = Vec::new();
        let mut stack = self.direct(node).to_vec();
        while let Some(on) = stack.pop() {
            if seen[on as usize] != node {
                seen[on as usize] = node;
                closure.push(on);
                stack.extend_from_slice(self.direct(on));
            }
        }
        closure.sort_unstable_by_key(|&on| numbers[on as usize]);
        closure
    }

    fn nodes(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.edges.len()).unwrap_or(u32::MAX)
    }

    /// Finds one cycle of each strongly connected component that has any.
    fn cycles(&self) -> Cycles {
        let (mut cycles, mut members) = (Vec::new(), 0);
        let components = self.components();
        let mut done = vec![false; self.len()];
        // Shared by all searches, each of which only uses the entries of its own component.
        let mut parent = vec![u32::MAX; self.len()];
        let mut sizes = vec![0_usize; self.len()];
        for &component in &components {
            sizes[component as usize] += 1;
        }
        for node in self.nodes() {
            let component = components[node as usize];
            if std::mem::replace(&mut done[component as usize], true) {
                continue;
            }
            if let Some(cycle) = self.cycle_through(node, &components, &mut parent) {
                cycles.push(cycle);
                members += sizes[component as usize];
            }
        }
        Cycles { cycles, members }
    }

    /// Finds a shortest cycle through `start` with a breadth-first search within its component. `parent` is scratch
    /// space with one entry per node; those of this component are `u32::MAX`.
    fn cycle_through(&self, start: u32, components: &[u32], parent: &mut [u32]) -> Option<Vec<u32>> {
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for &on in self.direct(node) {
                if on == start {
                    let mut cycle = vec![node];
                    while let Some(&last) = cycle.last().filter(|&&last| last != start) {
                        cycle.push(parent[last as usize]);
                    }
                    cycle.reverse();
                    return Some(cycle);
                }
                if components[on as usize] == components[start as usize] && parent[on as usize] == u32::MAX {
                    parent[on as usize] = node;
                    queue.push_back(on);
                }
            }
        }
        None
    }

    /// Returns the strongly connected component of each node, identified by one of its nodes (Kosaraju's algorithm).
    fn components(&self) -> Vec<u32> {
        let mut reversed = Self::new(self.len());
        for node in self.nodes() {
            for &on in self.direct(node) {
                reversed.edges[on as usize].push(node);
            }
        }
        let mut component = vec![u32::MAX; self.len()];
        for &root in self.finished_order().iter().rev() {
            let mut stack = vec![root];
            while let Some(node) = stack.pop() {
                if component[node as usize] == u32::MAX {
                    component[node as usize] = root;
                    stack.extend_from_slice(reversed.direct(node));
                }
            }
        }
        component
    }

    /// The nodes in the order in which a depth-first search leaves them.
    fn finished_order(&self) -> Vec<u32> {
        let mut order = Vec::with_capacity(self.len());
        let mut seen = vec![false; self.len()];
        for root in self.nodes() {
            if std::mem::replace(&mut seen[root as usize], true) {
                continue;
            }
            let mut stack = vec![(root, 0)];
            while let Some((node, edge)) = stack.last_mut() {
                if let Some(&on) = self.edges[*node as usize].get(*edge) {
                    *edge += 1;
                    if !std::mem::replace(&mut seen[on as usize], true) {
                        stack.push((on, 0));
                    }
                } else {
                    order.push(*node);
                    stack.pop();
                }
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(len: usize, edges: &[(u32, u32)]) -> Graph {
        let mut graph = Graph::new(len);
        for &(node, on) in edges {
            graph.add(node, on);
        }
        graph
    }

    #[test]
    fn dependents_come_first() {
        let graph = graph(5, &[(0, 1), (1, 2), (0, 2), (3, 2), (3, 4)]);
        let numbers = graph.topological_numbers().unwrap();
        for node in 0..5 {
            for &on in graph.direct(node) {
                assert!(numbers[node as usize] < numbers[on as usize]);
            }
        }
        let mut seen = vec![u32::MAX; 5];
        assert_eq!(graph.closure(0, &numbers, &mut seen), [1, 2]);
        assert_eq!(graph.closure(2, &numbers, &mut seen), [0; 0]);
    }

    #[test]
    fn every_cycle_is_found_once() {
        let cyclic = graph(6, &[(0, 1), (1, 0), (1, 2), (2, 3), (3, 2), (3, 4), (5, 5)]);
        let error = cyclic.topological_numbers().unwrap_err();
        assert_eq!(error.cycles, [vec![0, 1], vec![2, 3], vec![5]]);
        assert_eq!(error.members, 5);
    }

    #[test]
    fn a_complete_graph_has_a_short_cycle() {
        let all: Vec<(u32, u32)> =
            (0..60).flat_map(|a| (0..60).map(move |b| (a, b))).filter(|(a, b)| a != b).collect();
        assert_eq!(graph(60, &all).topological_numbers().unwrap_err().cycles, [vec![0, 1]]);
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let edges: Vec<(u32, u32)> = (0..199_999).map(|node| (node, node + 1)).collect();
        let mut chain = graph(200_000, &edges);
        assert!(chain.topological_numbers().is_ok());
        chain.add(199_999, 0);
        assert_eq!(chain.topological_numbers().unwrap_err().cycles[0].len(), 200_000);
    }
}
