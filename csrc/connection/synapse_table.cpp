#include "connection/synapse_table.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/aligned_buffer.hpp"
#include "core/errors.hpp"

namespace evsim {

namespace {

void require_memory_for_table(std::size_t n_synapses, std::int32_t n_inputs, std::size_t more_bytes = 0) {
    require_memory(static_cast<double>(n_synapses) * static_cast<double>(sizeof(std::int32_t) + more_bytes) +
                       static_cast<double>(n_inputs) * sizeof(std::size_t),
                   text(n_synapses, " synapses"));
}

void require_ends(std::span<const std::int32_t> inputs, std::span<const std::int32_t> neurons, std::int32_t n_inputs,
                  std::int32_t n_neurons) {
    if (inputs.size() != neurons.size())
        throw ShapeMismatch(text("synapses need an input and a neuron each, got ", inputs.size(), " inputs and ",
                                 neurons.size(), " neurons"));
    for (std::size_t k = 0; k < inputs.size(); ++k) {
        if (inputs[k] < 0 || inputs[k] >= n_inputs || neurons[k] < 0 || neurons[k] >= n_neurons)
            throw IndexOutOfRange(text("synapse ", k, " leads from input ", inputs[k], " to neuron ", neurons[k],
                                       ", of ", n_inputs, " and ", n_neurons));
    }
}

/// The first of them that comes before the one before it; how many there are where all are in order.
std::size_t first_out_of_order(std::span<const std::int32_t> inputs, std::span<const std::int32_t> neurons) {
    for (std::size_t k = 1; k < inputs.size(); ++k) {
        if (inputs[k] < inputs[k - 1] || (inputs[k] == inputs[k - 1] && neurons[k] < neurons[k - 1])) return k;
    }
    return inputs.size();
}

std::vector<std::size_t> firsts_of(std::span<const std::int32_t> inputs, std::int32_t n_inputs) {
    std::vector<std::size_t> firsts(static_cast<std::size_t>(n_inputs) + 1, 0);
    for (const std::int32_t input : inputs) ++firsts[static_cast<std::size_t>(input) + 1];
    std::partial_sum(firsts.begin(), firsts.end(), firsts.begin());
    return firsts;
}

/// Positions so that the keys there ascend, equals as they were in `before` or, without it, in `keys`.
template <class Index>
std::vector<Index> order_by(std::span<const std::int32_t> keys, std::int32_t n_keys, const std::vector<Index>* before) {
    std::vector<std::size_t> next = firsts_of(keys, n_keys);
    std::vector<Index> order(keys.size());
    for (std::size_t k = 0; k < keys.size(); ++k) {
        const Index position = before ? (*before)[k] : static_cast<Index>(k);
        order[next[static_cast<std::size_t>(keys[position])]++] = position;
    }
    return order;
}

template <class Index>
std::vector<Index> order_of(std::span<const std::int32_t> sources, std::span<const std::int32_t> targets,
                            std::int32_t n_inputs, std::int32_t n_neurons) {
    const double n_keys = static_cast<double>(n_inputs) + n_neurons;
    if (n_keys <= 16.0 * static_cast<double>(sources.size())) {
        const std::vector<Index> by_target = order_by<Index>(targets, n_neurons, nullptr);
        return order_by(sources, n_inputs, &by_target);
    }
    std::vector<Index> order(sources.size());  // more counters than synapses to count
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
        return sources[a] != sources[b] ? sources[a] < sources[b] : targets[a] < targets[b];
    });
    return order;
}

}  // namespace

SynapseTable::SynapseTable(std::int32_t n_inputs, std::int32_t n_neurons, std::span<const std::int32_t> inputs,
                           std::span<const std::int32_t> neurons)
    : n_neurons_(n_neurons) {
    require_ends(inputs, neurons, n_inputs, n_neurons);
    require_memory_for_table(neurons.size(), n_inputs);
    if (const std::size_t k = first_out_of_order(inputs, neurons); k < inputs.size())
        throw UnsortedSpikes(text("synapses must be ordered by input and then by neuron; synapse ", k, " is not"));
    firsts_ = firsts_of(inputs, n_inputs);
    neurons_.assign(neurons.begin(), neurons.end());
}

SynapseTable::SynapseTable(const SynapseList& list, const SynapseRange& range) : n_neurons_(range.last - range.first) {
    require_memory_for_table(list.sources.size(), range.n_inputs, 2 * sizeof(std::int32_t));
    firsts_ = firsts_of(list.sources, range.n_inputs);
    neurons_.resize(list.sources.size());
    // Targets do not decrease in the list, nor therefore among those of one source. The places of each source are
    // counted up in `firsts_`, and so end at where the next source begins.
    for (std::size_t k = 0; k < list.sources.size(); ++k)
        neurons_[firsts_[static_cast<std::size_t>(list.sources[k])]++] = list.targets[k] - range.first;
    std::copy_backward(firsts_.begin(), firsts_.end() - 1, firsts_.end());
    firsts_.front() = 0;
}

std::vector<std::int32_t> SynapseTable::inputs() const {
    std::vector<std::int32_t> inputs(neurons_.size());
    for (std::int32_t input = 0; input < n_inputs(); ++input) {
        std::fill(inputs.begin() + static_cast<std::ptrdiff_t>(first(input)),
                  inputs.begin() + static_cast<std::ptrdiff_t>(first(input + 1)), input);
    }
    return inputs;
}

SortedSynapses sorted_synapses(std::span<const std::int32_t> sources, std::span<const std::int32_t> targets,
                               std::int32_t n_inputs, std::int32_t n_neurons) {
    require_ends(sources, targets, n_inputs, n_neurons);
    const std::size_t n = sources.size();
    if (first_out_of_order(sources, targets) >= n)
        return {std::make_shared<SynapseTable>(n_inputs, n_neurons, sources, targets), std::nullopt};
    const auto sorted = [&]<class Index>(Index) -> SortedSynapses {
        require_memory_for_table(n, n_inputs, 2 * sizeof(Index));
        std::vector<Index> order = order_of<Index>(sources, targets, n_inputs, n_neurons);
        std::vector<std::int32_t> neurons(n);
        for (std::size_t k = 0; k < n; ++k) neurons[k] = targets[order[k]];
        auto table = std::make_shared<SynapseTable>(n_neurons, firsts_of(sources, n_inputs), std::move(neurons));
        return {std::move(table), std::move(order)};
    };
    return n <= std::numeric_limits<std::uint32_t>::max() ? sorted(std::uint32_t{0}) : sorted(std::uint64_t{0});
}

}  // namespace evsim
