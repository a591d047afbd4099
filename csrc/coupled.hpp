// Nodes that lie on cycles. They are run together in windows of the shortest delay by which one of them reaches
// another that comes before it: what is sent within a window arrives when that has ended.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "arrivals.hpp"
#include "core/threads.hpp"
#include "engine/run.hpp"
#include "ranks.hpp"

namespace evsim {

/// One of them, on its way through a call; its samples have begun.
struct CoupledNode {
    Run* run = nullptr;
    CallLimits limits;
    std::vector<std::int32_t> sources;  ///< of what leads to it: a place among the coupled nodes, or -1 for others
    std::vector<std::shared_ptr<const Delays>> delays;  ///< of each; no delay where it passes spikes on
    std::vector<std::vector<SpikeView>> sent;           ///< by the others, up to the end of the call; [source][sample]
    std::vector<Probe> probes;
    std::int32_t n_shared = 0;  ///< neurons that the ranks share, of which the run has some; 0: it has all
    bool needs_all = false;     ///< whether, before it is advanced, the ranks must exchange what sources fired just now
};

/// (source, target) of every delay, as places among the coupled nodes, and the smallest of its values.
struct CoupledEdge {
    std::int32_t source, target;
    double delay;
};

/// In which order `n_nodes` nodes are run within a window, and how long it is. Nodes that reach each other without any
/// delay come one after the other; empty where they do so in a cycle.
struct CoupledOrder {
    std::vector<std::int32_t> nodes;
    double window = 0.0;
};
CoupledOrder coupled_order(std::int32_t n_nodes, std::span<const CoupledEdge> edges);

/// Runs `nodes`, given in the order of a window, from `begin` to the end of the call. `ranks`: who share the neurons,
/// if anybody does; they exchange spikes once in each window. Throws InvalidArgument where `window` is too short to
/// move time, and what the runs and the ranks throw.
void run_coupled(std::span<CoupledNode> nodes, double window, double begin, Ranks* ranks, Interruption& interruption);

}  // namespace evsim
