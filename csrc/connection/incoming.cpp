#include "connection/incoming.hpp"

#include <limits>

#include "core/errors.hpp"

namespace evsim {

Incoming::Incoming(const Dense& dense)
    : n_inputs_(dense.n_inputs()),
      n_neurons_(dense.n_neurons()),
      n_synapses_(static_cast<std::size_t>(n_inputs_) * static_cast<std::size_t>(n_neurons_)) {}

Incoming::Incoming(const Sparse& sparse)
    : n_inputs_(sparse.n_inputs()), n_neurons_(sparse.n_neurons()), n_synapses_(sparse.n_synapses()) {
    order_by_neuron(sparse);
}

Incoming::Incoming(const ConvPairs& pairs)
    : n_inputs_(pairs.n_inputs()), n_neurons_(pairs.n_neurons()), n_synapses_(pairs.n_synapses()) {
    require_memory(static_cast<double>(n_synapses_) * 4.0, text(n_synapses_, " shared weights by neuron"));
    order_by_neuron(pairs);
    taps_.resize(n_synapses_);
    for (std::size_t k = 0; k < n_synapses_; ++k) taps_[places_[k]] = pairs.taps()[k];
}

template <class Connection>
void Incoming::order_by_neuron(const Connection& connection) {
    if (n_synapses_ > std::numeric_limits<std::uint32_t>::max())
        throw Unsupported(text("a projection that learns has at most 2^32 - 1 synapses, got ", n_synapses_));
    require_memory(static_cast<double>(n_synapses_) * 8.0 + static_cast<double>(n_neurons_) * 4.0,
                   text(n_synapses_, " synapses by neuron"));
    firsts_.assign(static_cast<std::size_t>(n_neurons_) + 1, 0);
    for (const std::int32_t neuron : connection.neurons()) ++firsts_[static_cast<std::size_t>(neuron) + 1];
    for (std::size_t n = 1; n < firsts_.size(); ++n) firsts_[n] += firsts_[n - 1];
    std::vector<std::uint32_t> next(firsts_.begin(), firsts_.end() - 1);
    places_.resize(n_synapses_);
    inputs_.resize(n_synapses_);
    for (std::int32_t input = 0; input < n_inputs_; ++input) {
        for (std::size_t k = connection.first(input); k < connection.first(input + 1); ++k) {
            places_[k] = next[static_cast<std::size_t>(connection.neurons()[k])]++;
            inputs_[places_[k]] = input;
        }
    }
}

std::size_t Incoming::first(std::int32_t neuron) const {
    if (!firsts_.empty()) return firsts_[static_cast<std::size_t>(neuron)];
    return static_cast<std::size_t>(neuron) * static_cast<std::size_t>(n_inputs_);
}

}  // namespace evsim
