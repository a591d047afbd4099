// The synapses of one input, whatever the connection.
#pragma once

#include <cstddef>
#include <cstdint>

#include "projection.hpp"

namespace evsim {

/// Values of the gradient by the weights of a connection: as these lie in memory.
inline std::size_t n_weight_places(const Projection& projection) {
    if (const Dense* const dense = projection.dense()) return dense->bytes() / static_cast<std::size_t>(dense->value_bytes());
    if (const Sparse* const sparse = projection.sparse()) return sparse->n_synapses();
    return projection.conv()->n_weights();
}

inline int weight_bytes(const Projection& projection) {
    if (const Dense* const dense = projection.dense()) return dense->value_bytes();
    if (const Sparse* const sparse = projection.sparse()) return sparse->value_bytes();
    return projection.conv()->value_bytes();
}

/// visit(neuron, place of the weight in a convolution as users see it) for all that an input reaches.
template <class Visit>
void for_each_tap(const Conv2d& conv, std::int32_t input, Visit&& visit) {
    const Conv2dSettings& s = conv.settings();
    const ImageShape &in = conv.input(), &out = conv.output();
    const std::int32_t channel = input / in.pixels(), y = input % in.pixels() / in.width, x = input % in.width;
    const std::int32_t of_group = conv.out_per_group(), first = conv.first_channel(channel);
    // The output that a tap leads to along one axis, or -1.
    const auto reached = [&](std::int32_t at, std::int32_t tap, std::int32_t stride, std::int32_t padding,
                             std::int32_t dilation, std::int32_t size) {
        std::int32_t to;
        if (s.transposed) {
            to = at * stride + tap * dilation - padding;
        } else {
            const std::int32_t scaled = at + padding - tap * dilation;
            if (scaled < 0 || scaled % stride != 0) return -1;
            to = scaled / stride;
        }
        return to >= 0 && to < size ? to : -1;
    };
    for (std::int32_t ky = 0; ky < s.kernel.y; ++ky) {
        const std::int32_t to_y = reached(y, ky, s.stride.y, s.padding.y, s.dilation.y, out.height);
        if (to_y < 0) continue;
        for (std::int32_t kx = 0; kx < s.kernel.x; ++kx) {
            const std::int32_t to_x = reached(x, kx, s.stride.x, s.padding.x, s.dilation.x, out.width);
            if (to_x < 0) continue;
            for (std::int32_t c = 0; c < of_group; ++c) {
                const std::int32_t outer = s.transposed ? channel : first + c;
                const std::int32_t inner = s.transposed ? c : channel % conv.in_per_group();
                const std::int32_t n_inner = s.transposed ? of_group : conv.in_per_group();
                const auto place = ((static_cast<std::size_t>(outer) * static_cast<std::size_t>(n_inner) +
                                     static_cast<std::size_t>(inner)) *
                                        static_cast<std::size_t>(s.kernel.y) +
                                    static_cast<std::size_t>(ky)) *
                                       static_cast<std::size_t>(s.kernel.x) +
                                   static_cast<std::size_t>(kx);
                visit((first + c) * out.pixels() + to_y * out.width + to_x, place);
            }
        }
    }
}

/// visit(neuron, place of the weight, which synapse of the input it is) for all that an input reaches.
template <class Visit>
void for_each_synapse(const Projection& projection, std::int32_t input, Visit&& visit) {
    if (const Dense* const dense = projection.dense()) {
        const std::size_t first = static_cast<std::size_t>(input) * dense->stride();
        for (std::int32_t n = 0; n < dense->n_neurons(); ++n) visit(n, first + static_cast<std::size_t>(n), n);
    } else if (const Sparse* const sparse = projection.sparse()) {
        const std::size_t first = sparse->first(input), end = sparse->first(input + 1);
        for (std::size_t k = first; k < end; ++k) visit(sparse->neurons()[k], k, static_cast<std::int32_t>(k - first));
    } else {
        for_each_tap(*projection.conv(), input,
                     [&](std::int32_t neuron, std::size_t place) { visit(neuron, place, std::int32_t{-1}); });
    }
}

/// The weights of a projection as numbers, by place.
class WeightReader {
 public:
    explicit WeightReader(const Projection& projection) {
        const Dense* const dense = projection.dense();
        const Sparse* const sparse = projection.sparse();
        const std::byte* const data = dense    ? dense->data()
                                      : sparse ? sparse->data()
                                               : projection.conv()->weights();
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
