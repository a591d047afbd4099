#include "stepped/learning.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "core/errors.hpp"

namespace evsim {

std::vector<Winner> select_winners(const StepSpikes& spikes, const ImageShape& shape, std::int32_t radius,
                                   std::int32_t most, std::span<const double> thresholds) {
    if (!thresholds.empty() && thresholds.size() != static_cast<std::size_t>(shape.channels))
        throw ShapeMismatch(text("one threshold per map is needed, ", shape.channels, ", got ", thresholds.size()));
    std::vector<bool> decided(static_cast<std::size_t>(shape.channels), false);
    std::vector<Winner> winners;
    std::vector<std::size_t> order;
    std::vector<double> strength;
    for (std::int64_t step = 0; step < spikes.n_steps(); ++step) {
        const StepView now = step_of(spikes, step);
        order.resize(now.indices.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        if (!now.values.empty() || !thresholds.empty()) {
            strength.resize(now.indices.size());
            for (const std::size_t k : order) {
                strength[k] = now.value(k);
                if (!thresholds.empty())
                    strength[k] /= thresholds[static_cast<std::size_t>(now.indices[k] / shape.pixels())];
            }
            std::stable_sort(order.begin(), order.end(),
                             [&](std::size_t a, std::size_t b) { return strength[a] > strength[b]; });
        }
        for (const std::size_t k : order) {
            const std::int32_t index = now.indices[k];
            const std::int32_t channel = index / shape.pixels(), pixel = index % shape.pixels();
            if (decided[static_cast<std::size_t>(channel)]) continue;
            decided[static_cast<std::size_t>(channel)] = true;
            const bool free = std::none_of(winners.begin(), winners.end(), [&](const Winner& other) {
                return std::abs(other.pixel / shape.width - pixel / shape.width) <= radius &&
                       std::abs(other.pixel % shape.width - pixel % shape.width) <= radius;
            });
            if (free) winners.push_back({channel, pixel, step});
            if (most > 0 && winners.size() == static_cast<std::size_t>(most)) return winners;
        }
    }
    return winners;
}

ConvLearner::ConvLearner(std::shared_ptr<ConvStage> stage) : stage_(std::move(stage)) {
    if (stage_->connection().settings().transposed)
        throw InvalidArgument("transposed convolutions do not learn by STDP");
    first_step_.assign(static_cast<std::size_t>(stage_->input().size()), -1);
}

void ConvLearner::learn(const StepSpikes& inputs, const std::vector<Winner>& winners, const SpikePairRule& rule) {
    for (const std::int32_t index : inputs.indices) {
        if (index < 0 || static_cast<std::size_t>(index) >= first_step_.size())
            throw IndexOutOfRange(text("input spike of ", index, ", but there are ", first_step_.size(), " inputs"));
    }
    for (const Winner& winner : winners) {
        if (winner.channel < 0 || winner.channel >= stage_->output().channels || winner.pixel < 0 ||
            winner.pixel >= stage_->output().pixels())
            throw IndexOutOfRange(text("there is no neuron at pixel ", winner.pixel, " of map ", winner.channel));
    }
    for (std::int64_t step = 0; step < inputs.n_steps(); ++step) {
        for (const std::int32_t index : step_of(inputs, step).indices) {
            std::int32_t& first = first_step_[static_cast<std::size_t>(index)];
            if (first < 0) first = static_cast<std::int32_t>(step);
        }
    }
    std::visit(
        [&](const auto& chosen) {
            stage_->connection().value_bytes() == 4 ? learn_as<float>(winners, chosen)
                                                    : learn_as<double>(winners, chosen);
        },
        rule);
    for (const std::int32_t index : inputs.indices) first_step_[static_cast<std::size_t>(index)] = -1;
}

template <class T, class Rule>
void ConvLearner::learn_as(const std::vector<Winner>& winners, const Rule& rule) {
    Conv2d& connection = stage_->connection();
    const Conv2dSettings& s = connection.settings();
    const ImageShape& in = connection.input();
    T* const all = reinterpret_cast<T*>(connection.weights());
    const std::int32_t in_group = connection.in_per_group();
    const auto kernel_size = static_cast<std::size_t>(in_group * s.kernel.y * s.kernel.x);
    for (const Winner& winner : winners) {
        T* weight = all + static_cast<std::size_t>(winner.channel) * kernel_size;
        const std::int32_t first_channel = winner.channel / connection.out_per_group() * in_group;
        const std::int32_t top = winner.pixel / connection.output().width * s.stride.y - s.padding.y;
        const std::int32_t left = winner.pixel % connection.output().width * s.stride.x - s.padding.x;
        for (std::int32_t channel = first_channel; channel < first_channel + in_group; ++channel) {
            for (std::int32_t ky = 0; ky < s.kernel.y; ++ky) {
                const std::int32_t y = top + ky * s.dilation.y;
                for (std::int32_t kx = 0; kx < s.kernel.x; ++kx, ++weight) {
                    const std::int32_t x = left + kx * s.dilation.x;
                    const bool inside = y >= 0 && y < in.height && x >= 0 && x < in.width;
                    const std::int32_t pre =
                        inside ? first_step_[static_cast<std::size_t>((channel * in.height + y) * in.width + x)] : -1;
                    const double before = static_cast<double>(*weight);
                    const double after = before + rule.change(before, pre >= 0, static_cast<double>(winner.step - pre));
                    *weight = static_cast<T>(std::clamp(after, rule.w_min, rule.w_max));
                }
            }
        }
    }
}

}  // namespace evsim
