#include "relay_layer.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace evsim {

namespace {

/// The output along one axis: windows lie fully within input and padding.
std::int32_t n_windows(std::int32_t input, std::int32_t kernel, std::int32_t stride, std::int32_t padding) {
    const std::int64_t room = std::int64_t{input} + 2 * std::int64_t{padding} - kernel;
    return room < 0 ? 0 : static_cast<std::int32_t>(room / stride + 1);
}

ImageShape pooled_shape(const PoolSettings& s) {
    if (s.input.channels < 1 || s.input.height < 1 || s.input.width < 1)
        throw InvalidArgument("the input of a pooling layer needs channels, rows and columns");
    if (s.kernel.y < 1 || s.kernel.x < 1 || s.stride.y < 1 || s.stride.x < 1)
        throw InvalidArgument("kernel_size and stride must be at least 1");
    if (s.padding.y < 0 || s.padding.x < 0 || 2 * std::int64_t{s.padding.y} > s.kernel.y ||
        2 * std::int64_t{s.padding.x} > s.kernel.x) {
        throw InvalidArgument(text("padding must be from 0 to half of kernel_size, got ", s.padding.y, " x ",
                                   s.padding.x, " for ", s.kernel.y, " x ", s.kernel.x));
    }
    const ImageShape out{s.input.channels, n_windows(s.input.height, s.kernel.y, s.stride.y, s.padding.y),
                         n_windows(s.input.width, s.kernel.x, s.stride.x, s.padding.x)};
    if (out.height < 1 || out.width < 1) {
        throw ShapeMismatch(text("a window of ", s.kernel.y, " x ", s.kernel.x, " does not fit into an input of ",
                                 s.input.height, " x ", s.input.width));
    }
    if (s.input.size() > std::numeric_limits<std::int32_t>::max()) throw MemoryLimit("an input that is too large");
    return out;
}

/// A spike on its way: to whom, and because of which input.
struct Relayed {
    std::int32_t target, cause;
    auto operator<=>(const Relayed&) const = default;
};

/// Hands the spikes of a sample on, instant by instant. Inputs at the very end of a call wait for the next one, because
/// others of their instant may still come.
class Relay {
 public:
    Relay(SampleRun& sample, Interruption& interruption) : sample_(sample), interruption_(interruption) {}

    /// relay(time, inputs, out) appends the spikes of one instant to `out`.
    template <class Instant>
    void run(Instant&& relay) {
        std::vector<std::int32_t> waiting = std::move(sample_.state.pending);
        sample_.state.pending.clear();
        const std::size_t n = sample_.times.size();
        std::vector<Relayed> out;
        std::size_t first = 0;
        while (!waiting.empty() || first < n) {
            const double time = waiting.empty() ? sample_.times[first] : sample_.state.last_event;
            std::vector<std::int32_t>& inputs = waiting;
            for (; first < n && sample_.times[first] == time; ++first) inputs.push_back(sample_.indices[first]);
            if (time >= sample_.until) {
                sample_.state.pending = std::move(inputs);
                break;
            }
            out.clear();
            relay(time, std::span<const std::int32_t>(inputs), out);
            for (const Relayed& spike : out) {
                spikes_.push_back({spike.target, time});
                sample_.causes.push_back(spike.cause);
            }
            inputs.clear();
            if ((++instants_ & 0xfff) == 0 && interruption_.requested()) throw Interrupted();
        }
        if (n > 0) sample_.state.last_event = sample_.times.back();
        sample_.spikes.append(spikes_);
    }

 private:
    SampleRun& sample_;
    Interruption& interruption_;
    std::vector<Spike> spikes_;
    std::uint32_t instants_ = 0;
};

class PoolCall final : public LayerCall {
 public:
    PoolCall(const PoolLayer& layer, std::size_t n_samples)
        : LayerCall(n_samples), layer_(layer), s_(layer.settings()) {}

    const Layer& layer() const override { return layer_; }
    void run(std::span<const Probe>, const RunOptions& options, Interruption& interruption) override {
        parallel_for(static_cast<std::int64_t>(samples.size()), options.threads, interruption, [&](std::int64_t s) {
            SampleRun& sample = samples[static_cast<std::size_t>(s)];
            Relay(sample, interruption).run([&](double, std::span<const std::int32_t> inputs, auto& out) {
                relay(sample.state.causes, inputs, out);
            });
        });
    }

 private:
    void relay(std::vector<std::int32_t>& causes, std::span<const std::int32_t> inputs,
               std::vector<Relayed>& out) const {
        for (const std::int32_t input : inputs) add_windows(input, out);
        std::sort(out.begin(), out.end());
        const auto same_cell = [](const Relayed& a, const Relayed& b) { return a.target == b.target; };
        out.erase(std::unique(out.begin(), out.end(), same_cell), out.end());
        if (s_.mode == PoolMode::first)
            std::erase_if(out, [&](const Relayed& r) { return causes[static_cast<std::size_t>(r.target)] >= 0; });
        for (const Relayed& spike : out) causes[static_cast<std::size_t>(spike.target)] = spike.cause;
    }

    void add_windows(std::int32_t input, std::vector<Relayed>& out) const {
        const ImageShape& to = layer_.output_shape();
        const std::int32_t channel = input / s_.input.pixels(), pixel = input % s_.input.pixels();
        const std::int32_t y = pixel / s_.input.width + s_.padding.y, x = pixel % s_.input.width + s_.padding.x;
        // Window o reaches from o * stride to o * stride + kernel - 1.
        const auto lowest = [](std::int32_t at, std::int32_t kernel, std::int32_t stride) {
            return at < kernel ? 0 : (at - kernel) / stride + 1;
        };
        const std::int32_t last_y = std::min(y / s_.stride.y, to.height - 1),
                           last_x = std::min(x / s_.stride.x, to.width - 1);
        for (std::int32_t oy = lowest(y, s_.kernel.y, s_.stride.y); oy <= last_y; ++oy) {
            for (std::int32_t ox = lowest(x, s_.kernel.x, s_.stride.x); ox <= last_x; ++ox)
                out.push_back({channel * to.pixels() + oy * to.width + ox, input});
        }
    }

    const PoolLayer& layer_;
    const PoolSettings& s_;
};

class UnpoolCall final : public LayerCall {
 public:
    UnpoolCall(const UnpoolLayer& layer, const LayerCall& pool, std::size_t n_samples)
        : LayerCall(n_samples), layer_(layer), pool_(pool) {}

    const Layer& layer() const override { return layer_; }
    void run(std::span<const Probe>, const RunOptions& options, Interruption& interruption) override {
        parallel_for(static_cast<std::int64_t>(samples.size()), options.threads, interruption, [&](std::int64_t s) {
            run_sample(samples[static_cast<std::size_t>(s)], pool_.samples[static_cast<std::size_t>(s)], interruption);
        });
    }

 private:
    static void run_sample(SampleRun& sample, const SampleRun& pooled, Interruption& interruption) {
        std::vector<std::int32_t>& causes = sample.state.causes;
        const std::span<const double> times = pooled.spikes.times();
        const std::span<const std::int32_t> cells = pooled.spikes.indices();
        std::size_t next = 0;
        const auto look_up_to = [&](double time) {
            for (; next < times.size() && times[next] <= time; ++next)
                causes[static_cast<std::size_t>(cells[next])] = pooled.causes[next];
        };
        Relay(sample, interruption).run([&](double time, std::span<const std::int32_t> inputs, auto& out) {
            look_up_to(time);
            for (const std::int32_t cell : inputs) {
                const std::int32_t cause = causes[static_cast<std::size_t>(cell)];
                if (cause >= 0) out.push_back({cause, cell});
            }
            std::sort(out.begin(), out.end());
        });
        look_up_to(sample.until);
    }

    const UnpoolLayer& layer_;
    const LayerCall& pool_;
};

}  // namespace

LayerState RelayLayer::initial_state(double start) const {
    LayerState state;
    state.last_event = start;
    state.causes.assign(n_cells_, -1);
    return state;
}

std::int32_t RelayLayer::observable(const std::string& name) const {
    throw InvalidArgument(text("pooling and unpooling layers have no neurons, and so no variable '", name, "'"));
}

std::vector<std::vector<double>> RelayLayer::remembered(const LayerOutput&, const std::string& name) const {
    throw InvalidArgument(text("pooling and unpooling layers have no neurons, and so no '", name, "'"));
}

PackedState RelayLayer::pack(const LayerState& state, const Plasticity*) const {
    PackedState packed;
    packed.last_event = state.last_event;
    packed.causes = state.causes;
    packed.pending = state.pending;
    return packed;
}

LayerState RelayLayer::unpack(const PackedState& packed) const {
    if (!std::isfinite(packed.last_event))
        throw NonFinite(text("the last event of a state must be finite, got ", packed.last_event));
    if (packed.causes.size() != n_cells_) {
        throw ShapeMismatch(text("a state of ", packed.causes.size(), " cells does not fit a layer of ", n_cells_));
    }
    const auto check = [](const std::vector<std::int32_t>& values, std::int32_t low, std::int64_t end) {
        if (std::any_of(values.begin(), values.end(), [&](std::int32_t v) { return v < low || v >= end; }))
            throw IndexOutOfRange("a state names an input that there is not");
    };
    check(packed.causes, -1, n_causes_);
    check(packed.pending, 0, input_.size());
    LayerState state = initial_state(packed.last_event);
    state.causes = packed.causes;
    state.pending = packed.pending;
    return state;
}

PoolLayer::PoolLayer(const PoolSettings& settings)
    : RelayLayer(settings.input, pooled_shape(settings), pooled_shape(settings).size(), settings.input.size()),
      settings_(settings) {}

std::unique_ptr<LayerCall> PoolLayer::call(std::size_t n_samples, std::span<const std::unique_ptr<LayerCall>>) {
    return std::make_unique<PoolCall>(*this, n_samples);
}

UnpoolLayer::UnpoolLayer(std::shared_ptr<const PoolLayer> pool)
    : RelayLayer(pool->output_shape(), pool->input(), pool->output_shape().size(), pool->input().size()),
      pool_(std::move(pool)) {}

std::unique_ptr<LayerCall> UnpoolLayer::call(std::size_t n_samples,
                                             std::span<const std::unique_ptr<LayerCall>> earlier) {
    for (const auto& call : earlier) {
        if (&call->layer() == pool_.get()) return std::make_unique<UnpoolCall>(*this, *call, n_samples);
    }
    throw InvalidArgument("the pooling layer of an unpooling layer must lie before it in the same network");
}

}  // namespace evsim
