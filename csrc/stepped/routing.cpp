#include "stepped/routing.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <map>

#include "core/errors.hpp"

namespace evsim {

namespace {

ImageShape pooled_shape(const ImageShape& input, Pair kernel, Pair stride) {
    if (kernel.y < 1 || kernel.x < 1 || stride.y < 1 || stride.x < 1)
        throw InvalidArgument("the kernel and the stride of a pooling must be at least 1");
    if (kernel.y > input.height || kernel.x > input.width) {
        throw ShapeMismatch(text("a pooling window of ", kernel.y, " x ", kernel.x, " does not fit into an input of ",
                                 input.height, " x ", input.width));
    }
    return {input.channels, (input.height - kernel.y) / stride.y + 1, (input.width - kernel.x) / stride.x + 1};
}

/// Puts analog spikes of one step into ascending order of indices.
void sort_step(StepSpikes& out, std::size_t from) {
    const std::size_t n = out.indices.size() - from;
    if (std::is_sorted(out.indices.begin() + static_cast<std::ptrdiff_t>(from), out.indices.end())) return;
    std::vector<std::size_t> order(n);
    for (std::size_t k = 0; k < n; ++k) order[k] = from + k;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return out.indices[a] < out.indices[b]; });
    const auto permute = [&](auto& values) {
        const std::vector copy(values.begin() + static_cast<std::ptrdiff_t>(from), values.end());
        for (std::size_t k = 0; k < n; ++k) values[from + k] = copy[order[k] - from];
    };
    permute(out.values);
    permute(out.indices);
}

}  // namespace

namespace {

/// Along one axis, the windows that each coordinate lies in.
std::vector<PoolStage::Windows> windows(std::int32_t size, std::int32_t kernel, std::int32_t stride, std::int32_t n) {
    std::vector<PoolStage::Windows> out;
    for (std::int32_t k = 0; k < size; ++k) {
        const std::int64_t beyond = std::int64_t{k} - kernel + 1;
        const std::int64_t first = beyond <= 0 ? 0 : (beyond + stride - 1) / stride;
        out.push_back({static_cast<std::int32_t>(first), std::min(k / stride, n - 1)});
    }
    return out;
}

}  // namespace

struct PoolStage::State : StageState {
    std::vector<std::uint64_t> spiking;  ///< one bit per cell, for the current step
    std::vector<std::int32_t> cause;     ///< of the cells that spike
    void reset() override {}
};

PoolStage::PoolStage(const ImageShape& input, Pair kernel, Pair stride)
    : SteppedStage(input, pooled_shape(input, kernel, stride)),
      rows_(windows(input.height, kernel.y, stride.y, output().height)),
      columns_(windows(input.width, kernel.x, stride.x, output().width)) {}

std::unique_ptr<StageState> PoolStage::new_state() const {
    auto state = std::make_unique<State>();
    state->cause.resize(static_cast<std::size_t>(output().size()));
    state->spiking.assign(state->cause.size() / word_bits + 1, 0);
    return state;
}

void PoolStage::step(StageState& carried, StepView in, StepSpikes& out) const {
    if (in.indices.empty()) return;
    auto& state = static_cast<State&>(carried);
    const std::int32_t pixels = input().pixels(), width = input().width, cells = output().pixels();
    for (const std::int32_t index : in.indices) {
        const std::int32_t channel = index / pixels, pixel = index % pixels;
        const Windows rows = rows_[static_cast<std::size_t>(pixel / width)];
        const Windows columns = columns_[static_cast<std::size_t>(pixel % width)];
        for (std::int32_t y = rows.first; y <= rows.last; ++y) {
            for (std::int32_t x = columns.first; x <= columns.last; ++x) {
                const std::int32_t cell = channel * cells + y * output().width + x;
                std::uint64_t& word = state.spiking[static_cast<std::size_t>(cell / word_bits)];
                const std::uint64_t bit = std::uint64_t{1} << (cell % word_bits);
                if (word & bit) continue;
                word |= bit;
                state.cause[static_cast<std::size_t>(cell)] = pixel;
            }
        }
    }
    const auto first = static_cast<std::size_t>(in.indices.front() / pixels * cells / word_bits);
    const auto last = static_cast<std::size_t>((in.indices.back() / pixels + 1) * cells / word_bits);
    for (std::size_t w = first; w <= last; ++w) {
        for (std::uint64_t& word = state.spiking[w]; word != 0; word &= word - 1) {
            const auto cell = static_cast<std::int32_t>(w) * word_bits + std::countr_zero(word);
            out.indices.push_back(cell);
            out.causes.push_back(state.cause[static_cast<std::size_t>(cell)]);
        }
    }
}

struct UnpoolStage::State : StageState {
    std::vector<std::int32_t> position;  ///< of each pooled cell in the unpooled plane, or -1
    std::shared_ptr<const StepSpikes> source;
    std::int64_t next = 0;
    bool stale = false;  ///< positions of before the reset
    void reset() override { stale = true; }
};

UnpoolStage::UnpoolStage(const ImageShape& pooled, const ImageShape& unpooled) : SteppedStage(pooled, unpooled) {
    if (pooled.channels != unpooled.channels) {
        throw ShapeMismatch(text("unpooling keeps the channels, got ", pooled.channels, " and ", unpooled.channels));
    }
}

std::unique_ptr<StageState> UnpoolStage::new_state() const {
    auto state = std::make_unique<State>();
    state->position.assign(static_cast<std::size_t>(input().size()), -1);
    return state;
}

void UnpoolStage::set_source(StageState& carried, std::shared_ptr<const StepSpikes> source) const {
    auto& state = static_cast<State&>(carried);
    for (std::size_t k = 0; k < source->indices.size(); ++k) {
        if (source->indices[k] < 0 || source->indices[k] >= input().size() || k >= source->causes.size() ||
            source->causes[k] < 0 || source->causes[k] >= output().pixels()) {
            throw IndexOutOfRange(text("pooled spike ", k, " lies outside the pooling of ", output().height, " x ",
                                       output().width, " to ", input().height, " x ", input().width));
        }
    }
    if (state.stale) std::fill(state.position.begin(), state.position.end(), -1);
    state.stale = false;
    state.source = std::move(source);
    state.next = 0;
}

void UnpoolStage::advance_to(StageState& carried, std::int64_t step) const {
    auto& state = static_cast<State&>(carried);
    if (!state.source) return;
    const StepSpikes& source = *state.source;
    for (; state.next <= step && state.next < source.n_steps(); ++state.next) {
        const auto first = static_cast<std::size_t>(source.begin[static_cast<std::size_t>(state.next)]);
        const auto last = static_cast<std::size_t>(source.begin[static_cast<std::size_t>(state.next) + 1]);
        for (std::size_t k = first; k < last; ++k)
            state.position[static_cast<std::size_t>(source.indices[k])] = source.causes[k];
    }
}

void UnpoolStage::step(StageState& carried, StepView in, StepSpikes& out) const {
    advance_to(carried, static_cast<State&>(carried).next);
    route(carried, in, out);
}

void UnpoolStage::route(const StageState& carried, StepView in, StepSpikes& out) const {
    const auto& state = static_cast<const State&>(carried);
    const std::size_t from = out.indices.size();
    const bool analog = !in.values.empty();
    for (std::size_t k = 0; k < in.indices.size(); ++k) {
        const std::int32_t position = state.position[static_cast<std::size_t>(in.indices[k])];
        if (position < 0) continue;
        out.indices.push_back(in.indices[k] / input().pixels() * output().pixels() + position);
        out.values.push_back(analog ? in.values[k] : 1.0);
    }
    sort_step(out, from);
    // Cells of overlapping windows may name one pixel; it spiked once, and so it is given back once.
    std::size_t kept = from;
    for (std::size_t k = from; k < out.indices.size(); ++k) {
        if (kept > from && out.indices[kept - 1] == out.indices[k]) {
            out.values[kept - 1] = std::max(out.values[kept - 1], out.values[k]);
        } else {
            out.indices[kept] = out.indices[k];
            out.values[kept++] = out.values[k];
        }
    }
    out.indices.resize(kept);
    out.values.resize(kept);
}

struct DelayStage::State : StageState {
    std::deque<std::vector<std::pair<std::int32_t, double>>> past;  ///< youngest first
    void reset() override { past.clear(); }
};

DelayStage::DelayStage(const ImageShape& shape, std::int32_t n_steps, double decay)
    : SteppedStage(shape, shape), n_steps_(n_steps), decay_(decay) {
    if (n_steps < 0) throw InvalidArgument(text("delay_steps must not be negative, got ", n_steps));
}

std::unique_ptr<StageState> DelayStage::new_state() const { return std::make_unique<State>(); }

void DelayStage::step(StageState& carried, StepView in, StepSpikes& out) const {
    auto& state = static_cast<State&>(carried);
    std::map<std::int32_t, double> sums;
    std::vector<std::pair<std::int32_t, double>> now;
    for (std::size_t k = 0; k < in.indices.size(); ++k) now.emplace_back(in.indices[k], in.value(k));
    state.past.push_front(std::move(now));
    if (state.past.size() > static_cast<std::size_t>(n_steps_) + 1) state.past.pop_back();
    for (std::size_t age = 0; age < state.past.size(); ++age) {
        const double factor = std::pow(decay_, static_cast<double>(age));
        for (const auto& [index, value] : state.past[age]) sums[index] += factor * value;
    }
    for (const auto& [index, value] : sums) {
        out.indices.push_back(index);
        out.values.push_back(value);
    }
}

}  // namespace evsim
