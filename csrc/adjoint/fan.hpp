// The synapses of one input, whatever the connection.
#pragma once

#include <cstddef>
#include <cstdint>

#include "adjoint/graph.hpp"
#include "connection/conv_pairs.hpp"
#include "projection.hpp"

namespace evsim {

/// Values of the gradient by the weights of a connection: as these lie in memory.
inline std::size_t n_weight_places(const Projection& projection) {
    if (const Dense* const dense = projection.dense())
        return dense->bytes() / static_cast<std::size_t>(dense->value_bytes());
    if (const Sparse* const sparse = projection.sparse()) return sparse->n_synapses();
    return projection.conv()->n_weights();
}

inline int weight_bytes(const Projection& projection) {
    if (const Dense* const dense = projection.dense()) return dense->value_bytes();
    if (const Sparse* const sparse = projection.sparse()) return sparse->value_bytes();
    return projection.conv()->value_bytes();
}

/// visit(neuron, place of the weight, which synapse of the input it is) for all that an input reaches.
template <class Visit>
void for_each_synapse(const AdjointEdge& edge, std::int32_t input, Visit&& visit) {
    const Projection& projection = *edge.projection;
    if (const Dense* const dense = projection.dense()) {
        const std::size_t first = static_cast<std::size_t>(input) * dense->stride();
        for (std::int32_t n = 0; n < dense->n_neurons(); ++n) visit(n, first + static_cast<std::size_t>(n), n);
    } else if (const Sparse* const sparse = projection.sparse()) {
        const std::size_t first = sparse->first(input), end = sparse->first(input + 1);
        for (std::size_t k = first; k < end; ++k) visit(sparse->neurons()[k], k, static_cast<std::int32_t>(k - first));
    } else {
        const ConvPairs& pairs = *edge.pairs;
        for (std::size_t k = pairs.first(input); k < pairs.first(input + 1); ++k)
            visit(pairs.neurons()[k], std::size_t{pairs.taps()[k]}, std::int32_t{-1});
    }
}

/// The weights of a projection as numbers, by place.
class WeightReader {
 public:
    explicit WeightReader(const Projection& projection) {
        const Dense* const dense = projection.dense();
        const Sparse* const sparse = projection.sparse();
        const std::byte* const data = dense ? dense->data() : sparse ? sparse->data() : projection.conv()->weights();
        if (weight_bytes(projection) == 4) {
            floats_ = reinterpret_cast<const float*>(data);
        } else {
            doubles_ = reinterpret_cast<const double*>(data);
        }
    }
    double operator[](std::size_t place) const {
        return floats_ ? static_cast<double>(floats_[place]) : doubles_[place];
    }

 private:
    const float* floats_ = nullptr;
    const double* doubles_ = nullptr;
};

}  // namespace evsim
