#include "engine/dense_forward.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/errors.hpp"
#include "engine/emissions.hpp"

namespace evsim {

namespace {

/// Events per pass: what is prepared of them stays in the cache while every tile goes over it.
constexpr std::size_t chunk_events = 8192;

/// Appends the spikes of all tiles to `out`, sorted by (time, neuron). They are already grouped by gap, and gaps follow
/// each other in time: a counting sort over gaps leaves only the spikes within one gap to compare. There they come in
/// the order of neurons, which a stable sort keeps where times are equal.
void append_sorted(SpikeArray& out, std::span<const SpikeBuffer> tiles, std::size_t n_gaps) {
    if (std::none_of(tiles.begin(), tiles.end(), [](const SpikeBuffer& tile) { return tile.size > 0; })) return;
    std::vector<std::size_t> end(n_gaps + 1, 0);
    for (const SpikeBuffer& tile : tiles) {
        for (const Emission& e : tile.spikes()) ++end[e.event + 1];
    }
    for (std::size_t gap = 0; gap < n_gaps; ++gap) end[gap + 1] += end[gap];
    std::vector<Spike> spikes(end.back());
    for (const SpikeBuffer& tile : tiles) {
        for (const Emission& e : tile.spikes()) spikes[end[e.event]++] = {e.neuron, e.time};
    }
    for (std::size_t gap = 0, from = 0; gap < n_gaps; from = end[gap++]) {
        if (end[gap] - from > 1) stable_sort_by_time(std::span(spikes).subspan(from, end[gap] - from));
    }
    out.append(spikes);
}

/// The event loop of one call.
class DenseLoop {
 public:
    DenseLoop(const Population& population, std::span<const std::shared_ptr<Projection>> projections,
              std::span<Sample> samples, std::span<const Probe> probes, const CallLimits& limits,
              Interruption& interruption)
        : population_(population),
          projections_(projections),
          kernel_(population.kernel()),
          tiles_(population.layout().tiles()),
          samples_(samples),
          probes_(probes),
          limits_(limits),
          interruption_(interruption),
          scratch_(samples.size()),
          tile_spikes_(samples.size() * tiles_.size()),
          observations_(probes.empty() ? 0 : tile_spikes_.size()) {
        for (SpikeBuffer& tile : tile_spikes_) tile.interruption = &interruption_;
        std::size_t longest = 0;
        double events = 0.0;
        for (Sample& sample : samples_) {
            longest = std::max(longest, sample.inputs.size());
            events += static_cast<double>(sample.inputs.size());
            sample.recorded.resize(probes_.size());
            for (std::size_t p = 0; p < probes_.size(); ++p) {
                sample.recorded[p].resize(probes_[p].times.size() * probes_[p].neurons.size());
            }
        }
        n_chunks_ = std::max<std::size_t>(1, (longest + chunk_events - 1) / chunk_events);
        const double work = events * static_cast<double>(population_.places());
        threads_ = static_cast<int>(std::clamp(work / events_worth_a_thread, 1.0, static_cast<double>(limits.threads)));
        plan_observations();
    }

    void run() {
        for (std::size_t chunk = 0; chunk < n_chunks_; ++chunk) {
            over_samples([&](std::size_t s) { begin_chunk(s, chunk); });
            // Neighbouring tasks share a tile of weights, not a sample.
            const auto n_samples = static_cast<std::int64_t>(samples_.size());
            parallel_for(
                static_cast<std::int64_t>(tile_spikes_.size()), threads_, interruption_, [&](std::int64_t task) {
                    run_tile(static_cast<std::size_t>(task % n_samples), static_cast<std::size_t>(task / n_samples));
                });
            over_samples([&](std::size_t s) { end_chunk(s); });
        }
    }

 private:
    struct SampleScratch {
        std::size_t first = 0, last = 0;  ///< events of the current chunk
        bool active = false, final = false;
        double previous_time = 0.0;    ///< of the event before `first`
        std::vector<WeightRows> rows;  ///< of each projection
        std::vector<std::byte> events, rule_events;
    };

    void over_samples(const std::function<void(std::size_t)>& body) {
        parallel_for(static_cast<std::int64_t>(samples_.size()), threads_, interruption_,
                     [&](std::int64_t s) { body(static_cast<std::size_t>(s)); });
    }

    void begin_chunk(std::size_t s, std::size_t chunk) {
        Sample& sample = samples_[s];
        SampleScratch& scratch = scratch_[s];
        const std::size_t n = sample.inputs.size();
        scratch.first = chunk * chunk_events;
        scratch.active = chunk == 0 || scratch.first < n;
        if (!scratch.active) return;
        scratch.last = std::min(n, scratch.first + chunk_events);
        scratch.final = scratch.last == n;
        scratch.previous_time = scratch.first > 0 ? sample.inputs.times[scratch.first - 1] : sample.state.last_event;
        const std::size_t count = scratch.last - scratch.first;
        scratch.events.resize(count * kernel_.dense->event_bytes);
        EventRun run{};
        run.shared = population_.shared().data();
        scratch.rows.clear();
        for (const auto& projection : projections_) {
            const Dense& dense = *projection->dense();
            const std::byte* const weights = sample.weights.data() ? sample.weights.data() : dense.data();
            scratch.rows.push_back(
                {weights, dense.stride() * static_cast<std::size_t>(kernel_.info.weight_bytes), projection->port()});
        }
        run.rows = scratch.rows.data();
        run.projections =
            sample.inputs.projections.empty() ? nullptr : sample.inputs.projections.data() + scratch.first;
        run.indices = sample.inputs.indices.data() + scratch.first;
        run.times = sample.inputs.times.data() + scratch.first;
        run.n = static_cast<std::int64_t>(count);
        run.previous_time = scratch.previous_time;
        run.events = scratch.events.data();
        kernel_.dense->prepare_events(run);
        if (sample.rule) {
            const RuleKernel& rule = sample.rule->kernel();
            scratch.rule_events.resize(count * rule.event_bytes);
            rule.prepare_events({run.indices, run.times, run.n, run.previous_time, sample.rule->rates().data(),
                                 sample.state.traces.last_arrivals.data(), scratch.rule_events.data()});
        }
        if (scratch.final) sample.final_memory = sample.state.memory;
    }

    TileRun tile_run(std::size_t s, std::size_t tile) {
        Sample& sample = samples_[s];
        SampleScratch& scratch = scratch_[s];
        TileRun run = dense_run(population_, sample.state);
        run.first_neuron = tiles_[tile].first_neuron;
        run.n_vectors = tiles_[tile].n_vectors;
        run.events = scratch.events.data();
        run.n_events = static_cast<std::int64_t>(scratch.last - scratch.first);
        run.last_time = scratch.previous_time;
        run.emit_from = sample.from;
        run.emit_until = std::numeric_limits<double>::infinity();
        run.max_spikes_per_instant = limits_.max_spikes_per_instant;
        run.emissions = &tile_spikes_[task_index(s, tile)];
        return run;
    }

    TraceRun trace_run(std::size_t s, std::size_t tile) {
        Sample& sample = samples_[s];
        TraceRun run{};
        run.rule = &sample.rule->kernel();
        run.events = scratch_[s].rule_events.data();
        run.parameters = sample.rule->parameters().data();
        run.rates = sample.rule->rates().data();
        run.neuron_traces = sample.state.traces.neuron.data();
        run.synaptic_traces = sample.state.traces.synaptic.data();
        Projection& projection = *projections_.front();
        // A rule that does not learn does not write.
        run.weights = projection.learns() ? sample.weights.data() : projection.dense()->data();
        run.weight_stride = projection.dense()->stride();
        run.n_inputs = projection.n_inputs();
        run.arrivals = sample.state.traces.arrivals.data() + tile * static_cast<std::size_t>(run.n_inputs);
        run.post_times = sample.state.traces.post_times.data();
        return run;
    }

    void run_tile(std::size_t s, std::size_t tile) {
        SampleScratch& scratch = scratch_[s];
        if (!scratch.active) return;
        Sample& sample = samples_[s];
        TileRun run = tile_run(s, tile);
        TraceRun traces;
        char message[TileRun::message_bytes];
        message[0] = '\0';
        run.message = message;
        if (sample.rule) {
            traces = trace_run(s, tile);
            run.traces = &traces;
        }
        if (!observations_.empty()) {
            // Those after the first event of the chunk up to its last; at the very beginning also those before any
            // event.
            const std::vector<Observation>& planned = observations_[task_index(s, tile)];
            const auto later = [](std::size_t position, const Observation& o) { return position < o.position; };
            auto o = scratch.first == 0 ? planned.begin()
                                        : std::upper_bound(planned.begin(), planned.end(), scratch.first, later);
            for (; o != planned.end() && o->position <= scratch.last; ++o) {
                advance_to(run, sample, o->position);
                observe(run, sample, *o);
            }
        }
        advance_to(run, sample, scratch.last);
        if (!scratch.final) return;
        for (std::size_t k = 0; k < static_cast<std::size_t>(kernel_.info.n_memory); ++k) {
            const std::size_t begin = k * run.stride + static_cast<std::size_t>(run.first_neuron);
            const std::size_t count = static_cast<std::size_t>(run.n_vectors * kernel_.info.lanes);
            std::copy_n(sample.state.memory.begin() + static_cast<std::ptrdiff_t>(begin), count,
                        sample.final_memory.begin() + static_cast<std::ptrdiff_t>(begin));
        }
        run.memory = sample.final_memory.data();
        run.emit_until = sample.until;
        check(kernel_.dense->finish(run, sample.until - run.last_time), message);
    }

    /// Runs the events of `sample` up to (not including) `position`; afterwards `run` stands at the last event that
    /// passed.
    void advance_to(TileRun& run, const Sample& sample, std::size_t position) {
        const SampleScratch& scratch = scratch_[static_cast<std::size_t>(&sample - samples_.data())];
        run.last_event = static_cast<std::int64_t>(position - scratch.first);
        if (run.last_event == run.first_event) return;
        check(kernel_.dense->run(run), run.message);
        run.first_event = run.last_event;
        run.last_time = sample.inputs.times[position - 1];
    }

    void observe(const TileRun& run, Sample& sample, const Observation& o) {
        const Probe& probe = probes_[o.probe];
        std::vector<double> durations(o.n_times);
        for (std::size_t t = 0; t < o.n_times; ++t) durations[t] = probe.times[o.first_time + t] - run.last_time;
        double* out = &sample.recorded[o.probe][o.first_time * probe.neurons.size() + o.neuron];
        check(kernel_.dense->observe(run, probe.neurons[o.neuron], durations.data(),
                                     static_cast<std::int64_t>(o.n_times), probe.observable, out, probe.neurons.size()),
              run.message);
    }

    void end_chunk(std::size_t s) {
        SampleScratch& scratch = scratch_[s];
        if (!scratch.active) return;
        Sample& sample = samples_[s];
        const std::span<SpikeBuffer> of_sample(&tile_spikes_[task_index(s, 0)], tiles_.size());
        append_sorted(sample.spikes, of_sample, scratch.last - scratch.first + 1);
        for (SpikeBuffer& tile : of_sample) tile.size = 0;
        if (scratch.final) {
            sample.spikes.order_ties();
            scratch.active = false;
            if (!sample.inputs.times.empty()) sample.state.last_event = sample.inputs.times.back();
        }
    }

    void plan_observations() {
        if (probes_.empty()) return;
        std::vector<std::size_t> tile_of(population_.places());
        for (std::size_t tile = 0; tile < tiles_.size(); ++tile) {
            const auto first = tile_of.begin() + tiles_[tile].first_neuron;
            std::fill(first, first + tiles_[tile].n_vectors * kernel_.info.lanes, tile);
        }
        for (std::size_t s = 0; s < samples_.size(); ++s) {
            for (const Observation& o : observations_of(probes_, samples_[s].inputs.times)) {
                const std::int32_t n = probes_[o.probe].neurons[o.neuron];
                observations_[task_index(s, tile_of[static_cast<std::size_t>(n)])].push_back(o);
            }
        }
    }

    void check(const TileResult& result, const char* message) const { check_result(result, limits_, message); }

    std::size_t task_index(std::size_t s, std::size_t tile) const { return s * tiles_.size() + tile; }

    const Population& population_;
    std::span<const std::shared_ptr<Projection>> projections_;
    const NeuronKernel& kernel_;
    const std::vector<TileRange>& tiles_;
    std::span<Sample> samples_;
    std::span<const Probe> probes_;
    const CallLimits& limits_;
    Interruption& interruption_;
    std::vector<SampleScratch> scratch_;
    std::vector<SpikeBuffer> tile_spikes_;                ///< [sample][tile]
    std::vector<std::vector<Observation>> observations_;  ///< [sample][tile], ascending in position
    std::size_t n_chunks_ = 1;
    int threads_ = 1;
};

class DenseForward final : public Run {
 public:
    DenseForward(const Population& population, std::span<const std::shared_ptr<Projection>> projections,
                 std::size_t n_samples)
        : Run(n_samples), population_(population), projections_(projections.begin(), projections.end()) {
        // What a rule is and begins with is settled before the first node runs.
        if (!learner()) return;
        rule_ = learner()->rule();
        first_traces_ = learner()->next_traces();
    }

    double extra_bytes() const override {
        if (!learner()) return 0.0;
        const double copies = rule_->kernel().n_synaptic_traces + (learner()->learns() ? 1.0 : 0.0);
        return copies * static_cast<double>(learner()->dense()->bytes()) * static_cast<double>(samples.size());
    }
    void begin(Sample& sample, bool fresh) override {
        if (!sample.state.last_touch.empty()) {
            throw Unsupported(
                "a population whose neurons went by clocks of their own, for delays of synapses or a cycle without a "
                "delay, cannot go on without that in the middle of a stream; call reset() first");
        }
        if (!learner()) return;
        sample.rule = rule_;
        if (fresh) learner()->begin_traces(sample.state);
        const auto last_rule = population_.output()->rule;
        if (!fresh && last_rule->rates() != rule_->rates()) {
            // Up to here traces have decayed by the old time constants.
            assign(learner()->synapses(), learner()->settled(sample.state, *last_rule), sample.state.last_event,
                   sample.state.traces);
        }
        if (first_traces_) assign(learner()->synapses(), *first_traces_, sample.state.last_event, sample.state.traces);
        if (learner()->learns()) sample.weights = learner()->copy_of_weights();
    }
    void advance(std::span<const Probe> probes, const CallLimits& limits, Interruption& interruption) override {
        DenseLoop(population_, projections_, samples, probes, limits, interruption).run();
    }
    void learn(const std::string& node_name) override {
        if (!learner() || !learner()->learns() || samples.empty()) return;
        std::vector<PooledBuffer*> weights;
        for (Sample& sample : samples) weights.push_back(&sample.weights);
        const Dense& dense = *learner()->dense();
        combine_learned(dense.data(), weights, dense.value_bytes(), learner()->batch_update(), node_name);
        learned_ = weights.front();
    }
    void commit() override {
        if (learned_) learner()->set_weights(*learned_);
        if (first_traces_) learner()->clear_next_traces(first_traces_);
    }

 private:
    /// The projection that has a rule; a population with such a one has no other here.
    Projection* learner() const {
        return !projections_.empty() && projections_.front()->plastic() ? projections_.front().get() : nullptr;
    }

    const Population& population_;
    std::vector<std::shared_ptr<Projection>> projections_;
    std::shared_ptr<const Plasticity> rule_;
    std::shared_ptr<const Traces> first_traces_;
    const PooledBuffer* learned_ = nullptr;
};

}  // namespace

std::unique_ptr<Run> dense_forward(const Population& population,
                                   std::span<const std::shared_ptr<Projection>> projections, std::size_t n_samples) {
    return std::make_unique<DenseForward>(population, projections, n_samples);
}

}  // namespace evsim
