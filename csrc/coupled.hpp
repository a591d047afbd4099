// Nodes that lie on cycles. They are run together in windows of the shortest delay by which one of them reaches
// another that comes before it: what is sent within a window arrives when that has ended. Nodes that reach each other
// in a cycle without any delay go from instant to instant within it.
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

/// One node, or those that lie on cycles without any delay and are run at once, from instant to instant.
struct CoupledStep {
    std::vector<std::int32_t> nodes;
    bool at_once = false;
};
/// In which order `n_nodes` nodes are run within a window, and how long it is: infinite where no edge has a delay.
/// Nodes that reach each other without any delay come one after the other.
struct CoupledOrder {
    std::vector<CoupledStep> steps;
    double window = 0.0;
};
CoupledOrder coupled_order(std::int32_t n_nodes, std::span<const CoupledEdge> edges);

/// Runs `nodes` in windows from `begin` to the end of the call. `ranks`: who share the neurons, if anybody does; they
/// exchange spikes once in each window. Throws InvalidArgument where a window is too short to move time, RunawaySpiking
/// where spikes go round and round within one instant, and what the runs and the ranks throw.
void run_coupled(std::span<CoupledNode> nodes, const CoupledOrder& order, double begin, Ranks* ranks,
                 Interruption& interruption);

}  // namespace evsim
