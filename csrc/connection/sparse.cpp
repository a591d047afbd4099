#include "connection/sparse.hpp"

#include "core/errors.hpp"

namespace evsim {

Sparse::Sparse(std::int32_t n_inputs, std::int32_t n_neurons, std::span<const std::int32_t> inputs,
               std::span<const std::int32_t> neurons, int value_bytes)
    : n_neurons_(n_neurons), value_bytes_(value_bytes) {
    if (inputs.size() != neurons.size())
        throw ShapeMismatch(text("synapses need an input and a neuron each, got ", inputs.size(), " inputs and ",
                                 neurons.size(), " neurons"));
    const std::string what = text(neurons.size(), " synapses");
    const auto bytes = static_cast<std::size_t>(value_bytes);
    require_memory(static_cast<double>(neurons.size()) * static_cast<double>(sizeof(std::int32_t) + bytes) +
                       static_cast<double>(n_inputs) * sizeof(std::size_t),
                   what);
    first_.assign(static_cast<std::size_t>(n_inputs) + 1, 0);
    for (std::size_t k = 0; k < inputs.size(); ++k) {
        if (inputs[k] < 0 || inputs[k] >= n_inputs || neurons[k] < 0 || neurons[k] >= n_neurons)
            throw IndexOutOfRange(text("synapse ", k, " leads from input ", inputs[k], " to neuron ", neurons[k],
                                       ", of ", n_inputs, " and ", n_neurons));
        if (k > 0 && (inputs[k] < inputs[k - 1] || (inputs[k] == inputs[k - 1] && neurons[k] < neurons[k - 1])))
            throw UnsortedSpikes(text("synapses must be ordered by input and then by neuron; synapse ", k, " is not"));
        ++first_[static_cast<std::size_t>(inputs[k]) + 1];
    }
    for (std::size_t input = 1; input < first_.size(); ++input) first_[input] += first_[input - 1];
    neurons_.assign(neurons.begin(), neurons.end());
    values_ = AlignedBuffer(neurons_.size() * bytes, what);
}

}  // namespace evsim
