// In what order and how the nodes of a network are run.
#include "network.hpp"

#include <algorithm>

#include "core/errors.hpp"

namespace evsim {

namespace {

std::size_t slot(std::int32_t node) { return static_cast<std::size_t>(node); }

}  // namespace

Network::Edges Network::edges() const {
    Edges edges;
    for (std::int32_t target = 0; slot(target) < entries_.size(); ++target) {
        const Entry& to = entries_[slot(target)];
        for (const std::int32_t source : to.sources) edges.emplace_back(source, target);
        const Node* const partner = to.relay ? to.relay->partner() : nullptr;
        for (std::int32_t source = 0; partner && slot(source) < entries_.size(); ++source) {
            if (entries_[slot(source)].node() == partner) edges.emplace_back(source, target);
        }
    }
    return edges;
}

Network::AllDelays Network::delays() const {
    static const auto none = std::make_shared<const Delays>();
    AllDelays delays;
    for (const Entry& entry : entries_) {
        auto& own = delays.emplace_back();
        for (std::size_t p = 0; p < entry.sources.size(); ++p)
            own.push_back(entry.relay ? none : entry.projections[p]->delays());
    }
    return delays;
}

std::vector<Network::Stage> Network::stages(const AllDelays& delays) const {
    const Edges edges = this->edges();
    std::vector<Stage> stages;
    for (const Component& component : components(static_cast<std::int32_t>(entries_.size()), edges)) {
        const std::int32_t first = component.front();
        const bool cyclic =
            component.size() > 1 || std::find(edges.begin(), edges.end(), std::pair(first, first)) != edges.end();
        stages.push_back(cyclic ? coupled_stage(component, delays) : Stage{component, {}});
    }
    return stages;
}

void Network::update_stages() {
    AllDelays delays = this->delays();
    if (delays == staged_) return;
    stages_ = stages(delays);
    staged_ = std::move(delays);
}

Network::Stage Network::coupled_stage(const Component& component, const AllDelays& delays) const {
    std::vector<CoupledEdge> edges;
    for (std::size_t k = 0; k < component.size(); ++k) {
        const Entry& to = entry(component[k]);
        if (to.relay && to.relay->partner())
            throw Unsupported(text(to.label, " gives spikes of a pooling layer back and cannot lie on a cycle"));
        for (std::size_t p = 0; p < to.sources.size(); ++p) {
            const std::int32_t source = place_in(component, to.sources[p]);
            if (source >= 0)
                edges.push_back({source, static_cast<std::int32_t>(k), smallest_delay(component[k], p, delays)});
        }
    }
    Stage stage{component, coupled_order(static_cast<std::int32_t>(component.size()), edges)};
    for (const CoupledStep& step : stage.order.steps) {
        if (!step.at_once) continue;
        for (const std::int32_t one : step.nodes) {
            require_one_rank(entry(component[slot(one)]));
            require_instants(entry(component[slot(one)]));
        }
    }
    return stage;
}

void Network::require_instants(const Entry& entry) {
    const Population* const population = entry.population.get();
    if (!population || population->kernel().scatter) return;
    throw Unsupported(text(entry.label,
                           " lies on a cycle that has no delay on its way (delay=...), where this neuron "
                           "model cannot be simulated"));
}

std::string Network::labels_of(const Component& component) const {
    std::string labels;
    for (const std::int32_t node : component) labels += (labels.empty() ? "" : ", ") + entry(node).label;
    return labels;
}

bool Network::leaves_pixels(std::int32_t node, bool fresh) const {
    const Population* const population = entry(node).population.get();
    if (!population || !population->layout().image()) return false;
    for (const auto& projection : entry(node).projections) {
        if (projection->plastic() || !projection->conv()) return true;
    }
    if (goes_by_instants(node) || !entry(node).drives.empty()) return true;
    const std::shared_ptr<const NodeOutput> last = fresh ? nullptr : population->output();
    return last && !last->states.empty() && !population->by_pixels(last->states.front());
}

bool Network::goes_by_instants(std::int32_t node) const {
    for (const Stage& stage : stages_) {
        const std::int32_t place = place_in(stage.nodes, node);
        for (const CoupledStep& step : stage.order.steps) {
            if (step.at_once && place_in(step.nodes, place) >= 0) return true;
        }
    }
    return false;
}

}  // namespace evsim
