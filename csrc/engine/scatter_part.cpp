#include "engine/scatter_part.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/errors.hpp"
#include "engine/calendar.hpp"
#include "engine/drawn_arrivals.hpp"
#include "engine/fan_arrivals.hpp"
#include "engine/travel_ring.hpp"

namespace evsim {

namespace {

constexpr double no_end = std::numeric_limits<double>::infinity();
/// Synaptic events that are sorted at once: they should stay in the cache.
constexpr std::size_t scattered_at_once = 1 << 15;

/// `T`: the type of weights, `S`: that of states.
template <class T, class S>
class Part final : public ScatterPart {
 public:
    Part(const ScatterSources& sources, ScatterArrays& arrays, NeuronRange range, double window)
        : sources_(sources),
          kernel_(sources.population.kernel()),
          arrays_(arrays),
          range_(range),
          window_(window),
          drawn_(sources.drives, sources.sample, range.first, range.last) {
        double longest = 0.0;
        for (const auto& delays : sources_.delays) {
            if (delays->by_synapse()) longest = std::max(longest, delays->largest());
        }
        std::int32_t n_rules = 0;
        for (const auto& projection : sources_.projections)
            ports_.push_back(projection->plastic() ? -1 - n_rules++ : projection->port());
        ring_.begin(longest, 0.0);
    }

    void resume(const Arrivals& travelling, double after) override {
        after_ = after;
        begin_chunk();
        gather(travelling, 0, travelling.size(), after);
        after_ = -no_end;
    }

    void advance(const ScatterStretch& stretch) override {
        stretch_ = &stretch;
        done_ = 0;
        spikes.interruption = &stretch.interruption;
        spikes.size = 0;
        if (!sources_.drives.empty())
            now_ = std::max(now_, std::max(stretch.sample.from, stretch.sample.state.last_event));
        run_ = scatter_run(sources_.population, stretch.sample.state);
        run_.first_arrivals = arrays_.first_arrivals.data();
        run_.n_arrivals = arrays_.n_arrivals.data();
        run_.rules = stretch.rules.data();
        run_.n_rules = static_cast<std::int32_t>(stretch.rules.size());
        run_.due = arrays_.due.data();
        run_.look_ahead = window_ > 0.0 ? 64.0 * window_ : 0.0;
        run_.emit_from = stretch.sample.from;
        run_.max_spikes_per_instant = stretch.limits.max_spikes_per_instant;
        run_.emissions = &spikes;
        run_.message = message_;
        double seen = -no_end;
        for (const Look& look : looks()) {
            if (look.time > seen) advance_to(seen = look.time);
            observe(look);
        }
        advance_to(stretch.sample.last_arrival);
        if (kernel_.info.spikes) finish();
        if (kernel_.info.n_memory > 0) conclude();
        stretch_ = nullptr;
    }

 private:
    /// A value to be read.
    struct Look {
        double time;
        std::size_t probe, neuron, at;  ///< places in a probe: of the neuron, of the time
    };

    bool is_all() const { return range_.first == 0 && range_.last == sources_.population.n_neurons(); }

    /// The synapses of an input that lead to neurons of this part.
    FanOut fan_out(const Arrivals& inputs, std::size_t k) const {
        const std::size_t p = projection_of(inputs, k);
        FanOut all = sources_.projections[p]->fan_out(inputs.indices[k], *sources_.delays[p]);
        if (is_all() || all.n_synapses == 0) return all;
        std::size_t begin = static_cast<std::size_t>(range_.first), end = static_cast<std::size_t>(range_.last);
        if (all.neurons) {
            const std::int32_t* const last = all.neurons + all.n_synapses;
            const std::int32_t* const from = std::lower_bound(all.neurons, last, range_.first);
            begin = static_cast<std::size_t>(from - all.neurons);
            end = static_cast<std::size_t>(std::lower_bound(from, last, range_.last) - all.neurons);
            all.neurons += begin;
        }
        all.weights += begin * sizeof(T);
        if (all.delays) all.delays += begin;
        if (all.places) all.places += begin;
        all.n_synapses = end - begin;
        return all;
    }
    static std::size_t projection_of(const Arrivals& inputs, std::size_t k) {
        return inputs.projections.empty() ? 0 : static_cast<std::size_t>(inputs.projections[k]);
    }
    std::int32_t neuron_of(const FanOut& fan, std::size_t k) const {
        return fan.neurons ? fan.neurons[k] : range_.first + static_cast<std::int32_t>(k);
    }

    /// Everything that arrives up to and including `bound`.
    void advance_to(double bound) {
        const Arrivals& inputs = stretch_->sample.inputs;
        const std::span<const double> times = inputs.times;
        for (;;) {
            double here = std::min(bound, drawn_.next_stop(now_));
            std::size_t end = done_, events = 0;
            while (end < times.size() && times[end] <= here && events < scattered_at_once)
                events += fan_out(inputs, end++).n_synapses;
            // What arrives at one time is not torn apart.
            while (end < times.size() && times[end] <= here && end > done_ && times[end] == times[end - 1]) ++end;
            if (end < times.size() && times[end] <= here) here = times[end - 1];
            begin_chunk();
            gather(inputs, done_, end, here);
            done_ = end;
            now_ = here;
            move();
            if (here == bound) return;
            if (stretch_->interruption.requested()) throw Interrupted();
        }
    }

    void begin_chunk() {
        for (const std::int32_t neuron : touched_) arrays_.n_arrivals[static_cast<std::size_t>(neuron)] = 0;
        touched_.clear();
        ready_.clear();
    }

    /// Arrivals up to `bound` of the inputs [begin, end), by neuron; later ones begin to travel.
    void gather(const Arrivals& inputs, std::size_t begin, std::size_t end, double bound) {
        ring_.take(bound, ready_);
        mixed_ = !ready_.empty();
        for (const Travelling<S>& one : ready_) count(one.neuron);
        if (stretch_) {
            drawn_.draw(stretch_->sample.state, bound, [&](std::int32_t neuron, std::int32_t n) { count(neuron, n); });
        }
        for (std::size_t k = begin; k < end; ++k) {
            const FanOut fan = fan_out(inputs, k);
            if (fan.delays)
                count_delayed(fan, inputs, k, bound);
            else
                count_all(fan);
        }
        std::int64_t total = 0;
        for (const std::int32_t neuron : touched_) {
            const auto n = static_cast<std::size_t>(neuron);
            arrays_.first_arrivals[n] = arrays_.next[n] = total;
            total += arrays_.n_arrivals[n];
        }
        if (arrivals_.size() < static_cast<std::size_t>(total)) arrivals_.resize(static_cast<std::size_t>(total));
        for (const Travelling<S>& one : ready_) {
            TimedArrival<S>& out = place(one.neuron, one.time);
            std::memcpy(&out.weight, &one.weight, sizeof(S));  // or which synapse it is
            out.port = one.port;
        }
        for (std::size_t k = begin; k < end; ++k) {
            const FanOut fan = fan_out(inputs, k);
            if (fan.delays)
                place_delayed(fan, inputs, k, bound);
            else
                place_all(fan, inputs, k);
        }
        if (mixed_) sort_arrivals();
        drawn_.merge_into(arrivals_.data(), arrays_.first_arrivals.data(), arrays_.next.data());
    }

    void count(std::int32_t neuron, std::int32_t n = 1) {
        std::int32_t& own = arrays_.n_arrivals[static_cast<std::size_t>(neuron)];
        if (own == 0) touched_.push_back(neuron);
        own += n;
    }
    void count_all(const FanOut& fan) {
        if (fan.neurons) {
            for (std::size_t s = 0; s < fan.n_synapses; ++s) count(fan.neurons[s]);
        } else {
            for (std::size_t s = 0; s < fan.n_synapses; ++s) count(range_.first + static_cast<std::int32_t>(s));
        }
    }
    void place_all(const FanOut& fan, const Arrivals& inputs, std::size_t k) {
        TimedArrival<S>* const out = arrivals_.data();
        std::int64_t* const next = arrays_.next.data();
        const auto first = static_cast<std::size_t>(range_.first);
        with_arrivals<T, S>(fan, spike_of(inputs, k), [fan, out, next, first, time = inputs.times[k]](auto fill) {
            for (std::size_t s = 0; s < fan.n_synapses; ++s) {
                const std::size_t n = fan.neurons ? static_cast<std::size_t>(fan.neurons[s]) : first + s;
                TimedArrival<S>& one = out[next[n]++];
                one.time = time;
                fill(one, s);
            }
        });
    }
    TimedArrival<S>& place(std::int32_t neuron, double time) {
        TimedArrival<S>& out = arrivals_[static_cast<std::size_t>(arrays_.next[static_cast<std::size_t>(neuron)]++)];
        out.time = time;
        return out;
    }
    FanSpike spike_of(const Arrivals& inputs, std::size_t k) const {
        const std::size_t p = projection_of(inputs, k);
        return {inputs.indices[k], sources_.projections[p]->n_inputs(), ports_[p], range_.first};
    }

    void count_delayed(const FanOut& fan, const Arrivals& inputs, std::size_t k, double bound) {
        mixed_ = true;
        const double sent = inputs.times[k];
        with_arrivals<T, S>(fan, spike_of(inputs, k), [this, &inputs, fan, k, sent, bound](auto fill) {
            for (std::size_t s = 0; s < fan.n_synapses; ++s) {
                const double time = sent + fan.delays[s];
                if (!std::isfinite(time)) {
                    throw NonFinite(text("a spike of input ", inputs.indices[k], " would arrive at ", time,
                                         "; its time and its delay are too large together"));
                }
                if (time <= after_) continue;
                if (time <= bound) {
                    count(neuron_of(fan, s));
                } else {
                    Travelling<S>& one = ring_.put(time);
                    one.neuron = neuron_of(fan, s);
                    fill(one, s);
                }
            }
        });
    }
    void place_delayed(const FanOut& fan, const Arrivals& inputs, std::size_t k, double bound) {
        const double sent = inputs.times[k];
        with_arrivals<T, S>(fan, spike_of(inputs, k), [this, fan, sent, bound](auto fill) {
            for (std::size_t s = 0; s < fan.n_synapses; ++s) {
                const double time = sent + fan.delays[s];
                if (time > after_ && time <= bound) fill(place(neuron_of(fan, s), time), s);
            }
        });
    }

    /// By time; what arrives together stays in the order of sending.
    void sort_arrivals() {
        for (const std::int32_t neuron : touched_) {
            const auto n = static_cast<std::size_t>(neuron);
            const auto first = arrivals_.begin() + arrays_.first_arrivals[n],
                       last = arrivals_.begin() + arrays_.next[n];
            const auto earlier = [](const TimedArrival<S>& a, const TimedArrival<S>& b) { return a.time < b.time; };
            if (!std::is_sorted(first, last, earlier)) std::stable_sort(first, last, earlier);
        }
    }

    /// The touched neurons through what has been gathered.
    void move() {
        if (touched_.empty()) return;
        order_by_arrivals();
        run_.emit_until = no_end;
        run_.touched = ordered_.data();
        run_.n_touched = static_cast<std::int64_t>(ordered_.size());
        run_.arrivals = arrivals_.data();
        check_result(kernel_.scatter->run(run_), stretch_->limits, message_);
        if (!kernel_.info.spikes) return;
        for (const std::int32_t neuron : touched_) look_at(neuron);
    }

    /// Neurons with most arrivals first: those side by side in a vector have about as many. A counting sort.
    void order_by_arrivals() {
        const auto n_of = [&](std::int32_t neuron) {
            return static_cast<std::size_t>(arrays_.n_arrivals[static_cast<std::size_t>(neuron)]);
        };
        std::size_t most = 0;
        for (const std::int32_t neuron : touched_) most = std::max(most, n_of(neuron));
        ends_.assign(most + 2, 0);
        for (const std::int32_t neuron : touched_) ++ends_[most - n_of(neuron) + 1];
        for (std::size_t k = 1; k < ends_.size(); ++k) ends_[k] += ends_[k - 1];
        ordered_.resize(touched_.size());
        for (const std::int32_t neuron : touched_) ordered_[ends_[most - n_of(neuron)]++] = neuron;
    }

    void look_at(std::int32_t neuron) {
        std::uint8_t& mark = arrays_.looked_at[static_cast<std::size_t>(neuron)];
        if (mark == 0) candidates_.push_back(neuron);
        mark = 1;
    }

    /// Spikes up to the end of the stretch, of those who may fire before it.
    void finish() {
        const Sample& sample = stretch_->sample;
        if (window_ > 0.0 && calendar_) {
            calendar_->take(sample.until, [&](std::int32_t neuron) { look_at(neuron); });
        } else {
            for (std::int32_t neuron = range_.first; neuron < range_.last; ++neuron) look_at(neuron);
        }
        if (window_ > 0.0 && !calendar_) {
            calendar_.emplace(sample.until, window_, arrays_.due.data(), range_.first, range_.last - range_.first);
        }
        run_.emit_until = sample.until;
        run_.touched = candidates_.data();
        run_.n_touched = static_cast<std::int64_t>(candidates_.size());
        check_result(kernel_.scatter->finish(run_), stretch_->limits, message_);
        for (const std::int32_t neuron : candidates_) {
            arrays_.looked_at[static_cast<std::size_t>(neuron)] = 0;
            if (calendar_) calendar_->put(neuron);
        }
        candidates_.clear();
    }

    void conclude() {
        Sample& sample = stretch_->sample;
        std::vector<std::int32_t> all(static_cast<std::size_t>(range_.last - range_.first));
        for (std::size_t k = 0; k < all.size(); ++k) all[k] = range_.first + static_cast<std::int32_t>(k);
        for (std::size_t k = 0; k < static_cast<std::size_t>(kernel_.info.n_memory); ++k) {
            const std::size_t from = k * run_.stride + static_cast<std::size_t>(range_.first);
            std::copy_n(sample.state.memory.data() + from, all.size(), sample.final_memory.data() + from);
        }
        ScatterRun run = run_;
        run.memory = sample.final_memory.data();
        run.emit_until = sample.until;
        run.touched = all.data();
        run.n_touched = static_cast<std::int64_t>(all.size());
        kernel_.scatter->conclude(run);
    }

    /// All that probes ask of neurons of this part, in order of time.
    std::vector<Look> looks() const {
        std::vector<Look> looks;
        for (std::size_t p = 0; p < stretch_->probes.size(); ++p) {
            const Probe& probe = stretch_->probes[p];
            for (std::size_t n = 0; n < probe.neurons.size(); ++n) {
                if (probe.neurons[n] < range_.first || probe.neurons[n] >= range_.last) continue;
                for (std::size_t t = 0; t < probe.times.size(); ++t) looks.push_back({probe.times[t], p, n, t});
            }
        }
        std::stable_sort(looks.begin(), looks.end(), [](const Look& a, const Look& b) { return a.time < b.time; });
        return looks;
    }

    void observe(const Look& look) {
        Sample& sample = stretch_->sample;
        const Probe& probe = stretch_->probes[look.probe];
        const std::int32_t neuron = probe.neurons[look.neuron];
        TileRun one = dense_run(sources_.population, sample.state);
        one.last_time = sample.state.last_touch[static_cast<std::size_t>(neuron)];
        one.max_spikes_per_instant = run_.max_spikes_per_instant;
        one.emissions = run_.emissions;
        one.message = message_;
        const double duration = look.time - one.last_time;
        double& out = sample.recorded[look.probe][look.at * probe.neurons.size() + look.neuron];
        check_result(kernel_.scatter->observe(one, neuron, &duration, 1, probe.observable, &out, 1), stretch_->limits,
                     message_);
    }

    ScatterSources sources_;
    const NeuronKernel& kernel_;
    ScatterArrays& arrays_;
    NeuronRange range_;
    std::vector<std::int32_t> ports_;  ///< of the arrivals of each projection: see TimedArrival
    double window_, after_ = -no_end;
    double now_ = -no_end;  ///< up to where everything has arrived
    TravelRing<S> ring_;
    std::optional<Calendar> calendar_;
    std::vector<Travelling<S>> ready_;
    std::vector<std::int32_t> touched_, ordered_, candidates_;
    std::vector<std::size_t> ends_;
    DrawnArrivals<S> drawn_;
    std::vector<TimedArrival<S>> arrivals_;
    bool mixed_ = false;  ///< whether arrivals may be out of order
    const ScatterStretch* stretch_ = nullptr;
    ScatterRun run_{};
    std::size_t done_ = 0;  ///< inputs of the stretch
    char message_[TileRun::message_bytes] = "";
};

}  // namespace

std::unique_ptr<ScatterPart> scatter_part(const ScatterSources& sources, ScatterArrays& arrays, NeuronRange range,
                                          double window) {
    const ModelInfo& info = sources.population.kernel().info;
    if (info.weight_bytes == 8) return std::make_unique<Part<double, double>>(sources, arrays, range, window);
    if (info.state_bytes == 8) return std::make_unique<Part<float, double>>(sources, arrays, range, window);
    return std::make_unique<Part<float, float>>(sources, arrays, range, window);
}

}  // namespace evsim
