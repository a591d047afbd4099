#include "engine/scatter_part.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "core/errors.hpp"
#include "engine/agenda.hpp"
#include "engine/calendar.hpp"
#include "engine/drawn_arrivals.hpp"
#include "engine/fan_arrivals.hpp"
#include "engine/travel_ring.hpp"

namespace evsim {

namespace {

constexpr double no_end = std::numeric_limits<double>::infinity();
/// Synaptic events that are sorted at once: they should stay in the cache.
constexpr std::size_t scattered_at_once = 1 << 16;

/// What is to come, of a part that goes from window to window or at once to the end.
template <class S>
struct ByWindows {
    static constexpr bool instants = false;
    using Ring = TravelRing<S>;
    using Due = Calendar;
};
/// The same of one that goes from instant to instant.
template <class S>
struct ByInstants {
    static constexpr bool instants = true;
    using Ring = TravelQueue<S>;
    using Due = Agenda;
};

/// `T`: the type of weights, `S`: that of states.
template <class T, class S, class Pace>
class Part final : public ScatterPart {
 public:
    Part(const ScatterSources& sources, ScatterArrays& arrays, NeuronRange range, const ScatterPace& pace)
        : sources_(sources),
          kernel_(sources.population.kernel()),
          arrays_(arrays),
          range_(range),
          in_order_(pace.in_order),
          window_(pace.window),
          look_ahead_(64.0 * pace.window),
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
        for (std::size_t k = 0; k < travelling.size(); ++k) fans_.push_back(fan_out(travelling, k));
        gather(travelling, 0, travelling.size(), after);
        after_ = -no_end;
    }

    void advance(const ScatterStretch& stretch) override {
        enter(stretch);
        double seen = -no_end;
        for (const Look& look : looks()) {
            if (look.time > seen) go_to(seen = look.time);
            observe(look);
        }
        go_to(stretch.sample.last_arrival);
        if (kernel_.info.spikes) finish();
        if (kernel_.info.n_memory > 0 && stretch.concludes) conclude();
        if (!Pace::instants && window_ == 0.0) workspace_ = {};  // the only stretch, and there may be many samples
        stretch_ = nullptr;
    }

    double next_event(const ScatterStretch& stretch, double limit) override {
        if constexpr (Pace::instants) {
            enter(stretch);
            if (!due_) look_ahead_to(limit);
            double next = std::min(due_->earliest(), ring_.earliest());
            while (drawn_until_ < std::min(limit, next)) {
                draw_up_to(std::min(limit, drawn_.next_stop(drawn_until_)));
                next = std::min(next, ring_.earliest());
            }
            stretch_ = nullptr;
            return next;
        }
        return limit;
    }

 private:
    /// A value to be read.
    struct Look {
        double time;
        std::size_t probe, neuron, at;  ///< places in a probe: of the neuron, of the time
    };

    bool is_all() const { return range_.first == 0 && range_.last == sources_.population.n_neurons(); }

    void enter(const ScatterStretch& stretch) {
        stretch_ = &stretch;
        done_ = 0;
        spikes.interruption = &stretch.interruption;
        spikes.size = 0;
        const double from = std::max(stretch.sample.from, stretch.sample.state.last_event);
        if (!sources_.drives.empty()) now_ = std::max(now_, from);
        drawn_until_ = std::max(drawn_until_, from);
        if (!workspace_.data())
            workspace_ =
                AlignedBuffer(kernel_.scatter->workspace_bytes, "the workspace of neurons by their own clocks");
        run_ = scatter_run(sources_.population, stretch.sample.state);
        run_.first_arrivals = arrays_.first_arrivals.data();
        run_.n_arrivals = arrays_.n_arrivals.data();
        run_.rules = stretch.rules.data();
        run_.n_rules = static_cast<std::int32_t>(stretch.rules.size());
        run_.due = arrays_.due.data();
        run_.look_ahead = look_ahead_;
        run_.within = Pace::instants ? 0.0 : window_;
        run_.workspace = workspace_.data();
        run_.exact_due = Pace::instants;
        run_.emit_from = stretch.sample.from;
        run_.max_spikes_per_instant = stretch.limits.max_spikes_per_instant;
        run_.emissions = &spikes;
        run_.message = message_;
    }

    /// When each neuron is due, seen from the beginning.
    void look_ahead_to(double limit) {
        if constexpr (Pace::instants) {
            if (!(look_ahead_ > 0.0)) look_ahead_ = std::max((limit - drawn_until_) / 16.0, 1e-300);
            due_.emplace(arrays_.due.data(), range_.last - range_.first);
            run_.look_ahead = look_ahead_;
            for (std::int32_t neuron = range_.first; neuron < range_.last; ++neuron) look_at(neuron);
            if (kernel_.info.spikes)
                finish_candidates(drawn_until_);
            else
                std::fill_n(arrays_.due.begin() + range_.first, range_.last - range_.first, no_end);
        }
    }

    /// What drives bring begins to travel.
    void draw_up_to(double bound) {
        if (!(bound > drawn_until_)) return;
        drawn_.draw(stretch_->sample.state, bound, [](std::int32_t, std::int32_t) {});
        drawn_.for_each([&](std::int32_t neuron, const TimedArrival<S>& arrival) {
            Travelling<S>& one = ring_.put(arrival.time);
            one.neuron = neuron;
            one.port = arrival.port;
            one.weight = arrival.weight;
        });
        drawn_until_ = bound;
    }

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
        if (all.taps)
            all.taps += begin;
        else
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

    void go_to(double bound) {
        if (in_order_)
            advance_in_order(bound);
        else
            advance_to(bound);
    }

    /// Everything up to and including `bound`, from instant to instant: first what arrives, by projection, input and
    /// neuron, and then those who fire, by neuron.
    void advance_in_order(double bound) {
        if constexpr (Pace::instants) {
            const Arrivals& inputs = stretch_->sample.inputs;
            const double until = stretch_->sample.until;
            const bool at_once = !(look_ahead_ > 0.0);
            if (at_once) look_ahead_ = run_.look_ahead = while_inputs_last(until);
            if (!due_) look_ahead_to(until);
            for (std::uint32_t n = 0;; ++n) {
                const double due = due_->earliest();
                double arrival = std::min(done_ < inputs.size() ? inputs.times[done_] : no_end, ring_.earliest());
                while (!sources_.drives.empty() && drawn_until_ < std::min(bound, std::min(arrival, due))) {
                    draw_up_to(std::min(bound, drawn_.next_stop(drawn_until_)));
                    arrival = std::min(arrival, ring_.earliest());
                }
                const bool arrives = arrival < no_end && arrival <= bound, fires = due <= bound && due < until;
                if (!arrives && !fires) return;
                if (at_once && done_ == inputs.size())
                    look_ahead_ = run_.look_ahead = std::max(until - drawn_until_, 1e-300);
                const double now = std::min(arrival, due);
                if (ring_.earliest() <= now) {
                    begin_chunk();
                    gather(inputs, done_, done_, now);
                    move();
                }
                for (const std::size_t k : arriving_by(now)) {
                    begin_chunk();
                    fans_.push_back(fan_out(inputs, k));
                    gather(inputs, k, k + 1, now);
                    move();
                }
                if (kernel_.info.spikes) finish_before(std::min(std::nextafter(now, no_end), until));
                if ((n & 0xff) == 0xff && stretch_->interruption.requested()) throw Interrupted();
            }
        }
    }

    /// How far to look from a touch for what may be overtaken by the next arrival: a few times what lies between two
    /// arrivals at a neuron.
    double while_inputs_last(double until) const {
        const Arrivals& inputs = stretch_->sample.inputs;
        double n_arrivals = 0.0;
        for (std::size_t k = done_; k < inputs.size(); ++k)
            n_arrivals += static_cast<double>(fan_out(inputs, k).n_synapses);
        const double all = std::max(until - drawn_until_, 1e-300);
        if (n_arrivals == 0.0) return all;
        const double span = inputs.times.back() - drawn_until_, n_neurons = range_.last - range_.first;
        return std::clamp(16.0 * span * n_neurons / n_arrivals, 1e-300, all);
    }

    /// The next inputs up to `now`, which have one time, by projection and index.
    const std::vector<std::size_t>& arriving_by(double now) {
        const Arrivals& inputs = stretch_->sample.inputs;
        together_.clear();
        for (; done_ < inputs.size() && inputs.times[done_] <= now; ++done_) together_.push_back(done_);
        std::stable_sort(together_.begin(), together_.end(), [&](std::size_t a, std::size_t b) {
            return std::pair(projection_of(inputs, a), inputs.indices[a]) <
                   std::pair(projection_of(inputs, b), inputs.indices[b]);
        });
        return together_;
    }

    /// Everything that arrives up to and including `bound`.
    void advance_to(double bound) {
        const Arrivals& inputs = stretch_->sample.inputs;
        const std::span<const double> times = inputs.times;
        for (;;) {
            double here = std::min(bound, drawn_.next_stop(now_));
            std::size_t end = done_, events = 0;
            begin_chunk();
            const auto take = [&] {
                fans_.push_back(fan_out(inputs, end++));
                events += 1 + fans_.back().n_synapses;
            };
            while (end < times.size() && times[end] <= here && events < scattered_at_once) take();
            // What arrives at one time is not torn apart.
            while (end < times.size() && times[end] <= here && end > done_ && times[end] == times[end - 1]) take();
            if (end < times.size() && times[end] <= here) here = times[end - 1];
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
        fans_.clear();
    }

    /// Arrivals up to `bound` of the inputs [begin, end), whose fans have been looked up, by neuron; later ones begin
    /// to travel.
    void gather(const Arrivals& inputs, std::size_t begin, std::size_t end, double bound) {
        if (Pace::instants && stretch_) draw_up_to(bound);
        ring_.take(bound, ready_);
        mixed_ = !ready_.empty();
        for (const Travelling<S>& one : ready_) count(one.neuron);
        if (!Pace::instants && stretch_) {
            drawn_.draw(stretch_->sample.state, bound, [&](std::int32_t neuron, std::int32_t n) { count(neuron, n); });
        }
        for (std::size_t k = begin; k < end; ++k) {
            const FanOut fan = fans_[k - begin];
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
            const FanOut fan = fans_[k - begin];
            if (fan.n_synapses == 0) continue;  // as most are where many ranks share the neurons
            if (fan.delays)
                place_delayed(fan, inputs, k, bound);
            else
                place_all(fan, inputs, k);
        }
        if (mixed_) sort_arrivals();
        if (!Pace::instants) drawn_.merge_into(arrivals_.data(), arrays_.first_arrivals.data(), arrays_.next.data());
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
        const double until = stretch_->sample.until;
        if (due_) return finish_before(until);
        for (std::int32_t neuron = range_.first; neuron < range_.last; ++neuron) look_at(neuron);
        if constexpr (!Pace::instants) {
            if (window_ > 0.0)
                due_.emplace(until, window_, arrays_.due.data(), range_.first, range_.last - range_.first);
        }
        finish_candidates(until);
    }

    /// Spikes before `until` of those who have been touched or are due.
    void finish_before(double until) {
        due_->take(until, [&](std::int32_t neuron) { look_at(neuron); });
        finish_candidates(until);
    }

    void finish_candidates(double until) {
        if (in_order_) std::sort(candidates_.begin(), candidates_.end());
        run_.emit_until = until;
        run_.touched = candidates_.data();
        run_.n_touched = static_cast<std::int64_t>(candidates_.size());
        check_result(kernel_.scatter->finish(run_), stretch_->limits, message_);
        for (const std::int32_t neuron : candidates_) {
            arrays_.looked_at[static_cast<std::size_t>(neuron)] = 0;
            if (due_) due_->put(neuron);
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
    bool in_order_;
    double window_, after_ = -no_end;
    double now_ = -no_end;          ///< up to where everything has arrived
    double drawn_until_ = -no_end;  ///< up to where drives have begun to travel, from instant to instant
    double look_ahead_;
    typename Pace::Ring ring_;
    std::optional<typename Pace::Due> due_;
    std::vector<Travelling<S>> ready_;
    std::vector<FanOut> fans_;  ///< of the inputs that are being gathered
    std::vector<std::int32_t> touched_, ordered_, candidates_;
    std::vector<std::size_t> ends_, together_;
    DrawnArrivals<S> drawn_;
    std::vector<TimedArrival<S>> arrivals_;
    bool mixed_ = false;  ///< whether arrivals may be out of order
    const ScatterStretch* stretch_ = nullptr;
    ScatterRun run_{};
    AlignedBuffer workspace_;
    std::size_t done_ = 0;  ///< inputs of the stretch
    char message_[TileRun::message_bytes] = "";
};

template <class T, class S>
std::unique_ptr<ScatterPart> part_of(const ScatterSources& sources, ScatterArrays& arrays, NeuronRange range,
                                     const ScatterPace& pace) {
    if (pace.instants) return std::make_unique<Part<T, S, ByInstants<S>>>(sources, arrays, range, pace);
    return std::make_unique<Part<T, S, ByWindows<S>>>(sources, arrays, range, pace);
}

}  // namespace

std::unique_ptr<ScatterPart> scatter_part(const ScatterSources& sources, ScatterArrays& arrays, NeuronRange range,
                                          const ScatterPace& pace) {
    const ModelInfo& info = sources.population.kernel().info;
    if (info.weight_bytes == 8) return part_of<double, double>(sources, arrays, range, pace);
    if (info.state_bytes == 8) return part_of<float, double>(sources, arrays, range, pace);
    return part_of<float, float>(sources, arrays, range, pace);
}

}  // namespace evsim
