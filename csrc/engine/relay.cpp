#include "engine/relay.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/errors.hpp"

namespace evsim {

namespace {

/// A spike on its way: to whom, and because of which input.
struct Relayed {
    std::int32_t target, cause;
    auto operator<=>(const Relayed&) const = default;
};
bool same_target(const Relayed& a, const Relayed& b) { return a.target == b.target; }

/// Hands the spikes of a sample on, instant by instant. Inputs at the very end of a call wait for the next one, because
/// others of their instant may still come.
class Instants {
 public:
    Instants(Sample& sample, Interruption& interruption) : sample_(sample), interruption_(interruption) {}

    /// relay(time, inputs, out) appends the spikes of one instant to `out`.
    template <class Instant>
    void run(Instant&& relay) {
        std::vector<std::int32_t> waiting = std::move(sample_.state.pending);
        sample_.state.pending.clear();
        const std::size_t n = sample_.inputs.size();
        std::vector<Relayed> out;
        std::size_t first = 0;
        while (!waiting.empty() || first < n) {
            const double time = waiting.empty() ? sample_.inputs.times[first] : sample_.state.last_event;
            std::vector<std::int32_t>& inputs = waiting;
            for (; first < n && sample_.inputs.times[first] == time; ++first)
                inputs.push_back(sample_.inputs.indices[first]);
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
        if (n > 0) sample_.state.last_event = sample_.inputs.times.back();
        sample_.spikes.append(spikes_);
    }

 private:
    Sample& sample_;
    Interruption& interruption_;
    std::vector<Spike> spikes_;
    std::uint32_t instants_ = 0;
};

class PoolRun final : public InstantRun {
 public:
    PoolRun(const Pool2d& pool, std::size_t n_samples) : InstantRun(n_samples), pool_(pool) {}

    void advance(std::span<const Probe>, const CallLimits& limits, Interruption& interruption) override {
        parallel_for(static_cast<std::int64_t>(samples.size()), limits.threads, interruption,
                     [&](std::int64_t s) { run_sample(static_cast<std::size_t>(s), interruption); });
    }

    InstantRun* by_instants() override { return this; }
    void expect_instants() override {
        const auto n_cells = static_cast<std::size_t>(pool_.output().size());
        last_spikes_.assign(samples.size(), std::vector<double>(n_cells, -std::numeric_limits<double>::infinity()));
    }
    double next_event(std::size_t s, double, const CallLimits&, Interruption&) override {
        const NodeState& state = samples[s].state;
        return state.pending.empty() ? std::numeric_limits<double>::infinity() : state.last_event;
    }
    void advance_instant(std::size_t s, std::span<const Probe>, const CallLimits&,
                         Interruption& interruption) override {
        run_sample(s, interruption);
    }

 private:
    void run_sample(std::size_t s, Interruption& interruption) {
        Instants(samples[s], interruption).run([&](double time, std::span<const std::int32_t> inputs, auto& out) {
            relay(s, time, inputs, out);
        });
    }

    void relay(std::size_t s, double time, std::span<const std::int32_t> inputs, std::vector<Relayed>& out) {
        std::vector<std::int32_t>& causes = samples[s].state.causes;
        for (const std::int32_t input : inputs)
            pool_.for_each_cell(input, [&](std::int32_t cell) { out.push_back({cell, input}); });
        std::sort(out.begin(), out.end());
        out.erase(std::unique(out.begin(), out.end(), same_target), out.end());
        if (pool_.mode() == PoolMode::first)
            std::erase_if(out, [&](const Relayed& r) { return causes[static_cast<std::size_t>(r.target)] >= 0; });
        if (!last_spikes_.empty()) {  // an instant may come in rounds; a cell spikes in the first that reaches it
            std::vector<double>& last = last_spikes_[s];
            std::erase_if(out, [&](const Relayed& r) {
                return std::exchange(last[static_cast<std::size_t>(r.target)], time) == time;
            });
        }
        for (const Relayed& spike : out) causes[static_cast<std::size_t>(spike.target)] = spike.cause;
    }

    const Pool2d& pool_;
    std::vector<std::vector<double>> last_spikes_;  ///< of each sample and cell, where an instant comes in rounds
};

class UnpoolRun final : public Run {
 public:
    UnpoolRun(const Run& pool, std::size_t n_samples) : Run(n_samples), pool_(pool) {}

    void advance(std::span<const Probe>, const CallLimits& limits, Interruption& interruption) override {
        parallel_for(static_cast<std::int64_t>(samples.size()), limits.threads, interruption, [&](std::int64_t s) {
            run_sample(samples[static_cast<std::size_t>(s)], pool_.samples[static_cast<std::size_t>(s)], interruption);
        });
    }

 private:
    static void run_sample(Sample& sample, const Sample& pooled, Interruption& interruption) {
        std::vector<std::int32_t>& causes = sample.state.causes;
        const std::span<const double> times = pooled.spikes.times();
        const std::span<const std::int32_t> cells = pooled.spikes.indices();
        std::size_t next = 0;
        const auto look_up_to = [&](double time) {
            for (; next < times.size() && times[next] <= time; ++next)
                causes[static_cast<std::size_t>(cells[next])] = pooled.causes[next];
        };
        Instants(sample, interruption).run([&](double time, std::span<const std::int32_t> inputs, auto& out) {
            look_up_to(time);
            for (const std::int32_t cell : inputs) {
                const std::int32_t cause = causes[static_cast<std::size_t>(cell)];
                if (cause >= 0) out.push_back({cause, cell});
            }
            std::sort(out.begin(), out.end());
            // Cells of overlapping windows may name one input; it spiked once, and so it is given back once.
            out.erase(std::unique(out.begin(), out.end(), same_target), out.end());
        });
        look_up_to(sample.until);
    }

    const Run& pool_;
};

}  // namespace

NodeState Relay::initial_state(double start) const {
    NodeState state;
    state.last_event = start;
    state.causes.assign(n_cells_, -1);
    return state;
}

std::int32_t Relay::observable(const std::string& name) const {
    throw InvalidArgument(text("pooling and unpooling layers have no neurons, and so no variable '", name, "'"));
}

std::vector<std::vector<double>> Relay::remembered(const NodeOutput&, const std::string& name) const {
    throw InvalidArgument(text("pooling and unpooling layers have no neurons, and so no '", name, "'"));
}

PackedState Relay::pack(const NodeState& state) const {
    PackedState packed;
    packed.last_event = state.last_event;
    packed.causes = state.causes;
    packed.pending = state.pending;
    return packed;
}

NodeState Relay::unpack(const PackedState& packed) const {
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
    NodeState state = initial_state(packed.last_event);
    state.causes = packed.causes;
    state.pending = packed.pending;
    return state;
}

std::unique_ptr<Run> PoolRelay::forward(const Run*, std::size_t n_samples) const {
    return std::make_unique<PoolRun>(pool_, n_samples);
}

UnpoolRelay::UnpoolRelay(std::shared_ptr<const PoolRelay> pool)
    : Relay(pool->output_shape(), pool->input(), pool->output_shape().size(), pool->input().size()),
      pool_(std::move(pool)) {}

std::unique_ptr<Run> UnpoolRelay::forward(const Run* partner, std::size_t n_samples) const {
    return std::make_unique<UnpoolRun>(*partner, n_samples);
}

}  // namespace evsim
