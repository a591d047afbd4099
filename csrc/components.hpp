// Strongly connected parts of a graph, in order: what lies on no cycle can be simulated node by node.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace evsim {

/// Nodes, ascending. More than one, or one with an edge to itself, lie on cycles.
using Component = std::vector<std::int32_t>;

/// Of a node among others, or -1.
inline std::int32_t place_in(const Component& nodes, std::int32_t node) {
    const auto found = std::find(nodes.begin(), nodes.end(), node);
    return found == nodes.end() ? -1 : static_cast<std::int32_t>(found - nodes.begin());
}

/// The components of the graph of n_nodes nodes, each after all those that lead to it; where that leaves a choice, the
/// one with the lowest node first. `edges`: (source, target). Cost: O(nodes log nodes + edges).
std::vector<Component> components(std::int32_t n_nodes,
                                  const std::vector<std::pair<std::int32_t, std::int32_t>>& edges);

}  // namespace evsim
