#include "engine/dense_forward.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/emissions.hpp"

namespace evsim {

namespace {

/// Events per pass: what is prepared of them stays in the cache while every tile goes over it.
constexpr std::size_t chunk_events = 8192;
/// Fewer synaptic events than this are not worth starting a thread for.
constexpr double events_worth_a_thread = 4e5;

/// Appends the spikes of all tiles to `out`, sorted by (time, neuron). They are already grouped by gap, and gaps follow
/// each other in time: a counting sort over gaps leaves only the spikes within one gap to compare. There they come in
/// the order of neurons, which a stable sort keeps where times are equal.
void append_sorted(SpikeArray& out, std::span<const SpikeBuffer> tiles, std::size_t n_gaps) {
    std::vector<std::size_t> end(n_gaps + 1, 0);
    for (const SpikeBuffer& tile : tiles) {
        for (const Emission& e : tile.spikes()) ++end[e.event + 1];
    }
    for (std::size_t gap = 0; gap < n_gaps; ++gap) end[gap + 1] += end[gap];
    if (end.back() == 0) return;
    std::vector<Spike> spikes(end.back());
    for (const SpikeBuffer& tile : tiles) {
        for (const Emission& e : tile.spikes()) spikes[end[e.event]++] = {e.neuron, e.time};
    }
    for (std::size_t gap = 0, from = 0; gap < n_gaps; from = end[gap++]) {
        if (end[gap] - from > 1) stable_sort_by_time(std::span(spikes).subspan(from, end[gap] - from));
    }
    out.append(spikes);
}

class DenseRun {
 public:
    DenseRun(const DenseLayer& layer, std::span<SampleRun> samples, std::span<const Probe> probes,
             const RunOptions& options, Interruption& interruption)
        : layer_(layer),
          kernel_(layer.kernel()),
          tiles_(layer.connection().tiles()),
          samples_(samples),
          probes_(probes),
          options_(options),
          interruption_(interruption),
          scratch_(samples.size()),
          tile_spikes_(samples.size() * tiles_.size()),
          observations_(probes.empty() ? 0 : tile_spikes_.size()) {
        for (SpikeBuffer& tile : tile_spikes_) tile.interruption = &interruption_;
        std::size_t longest = 0;
        double events = 0.0;
        for (SampleRun& sample : samples_) {
            longest = std::max(longest, sample.times.size());
            events += static_cast<double>(sample.times.size());
            sample.recorded.resize(probes_.size());
            for (std::size_t p = 0; p < probes_.size(); ++p) {
                sample.recorded[p].resize(probes_[p].times.size() * probes_[p].neurons.size());
            }
        }
        n_chunks_ = std::max<std::size_t>(1, (longest + chunk_events - 1) / chunk_events);
        const double work = events * static_cast<double>(layer_.padded_neurons());
        threads_ =
            static_cast<int>(std::clamp(work / events_worth_a_thread, 1.0, static_cast<double>(options.threads)));
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
        double previous_time = 0.0;  ///< of the event before `first`
        std::vector<std::byte> events;
    };

    void over_samples(const std::function<void(std::size_t)>& body) {
        parallel_for(static_cast<std::int64_t>(samples_.size()), threads_, interruption_,
                     [&](std::int64_t s) { body(static_cast<std::size_t>(s)); });
    }

    void begin_chunk(std::size_t s, std::size_t chunk) {
        SampleRun& sample = samples_[s];
        SampleScratch& scratch = scratch_[s];
        const std::size_t n = sample.times.size();
        scratch.first = chunk * chunk_events;
        scratch.active = chunk == 0 || scratch.first < n;
        if (!scratch.active) return;
        scratch.last = std::min(n, scratch.first + chunk_events);
        scratch.final = scratch.last == n;
        scratch.previous_time = scratch.first > 0 ? sample.times[scratch.first - 1] : sample.state.last_event;
        const std::size_t count = scratch.last - scratch.first;
        scratch.events.resize(count * kernel_.event_bytes);
        EventRun run{};
        run.shared = layer_.shared().data();
        run.indices = sample.indices.data() + scratch.first;
        run.times = sample.times.data() + scratch.first;
        run.n = static_cast<std::int64_t>(count);
        run.previous_time = scratch.previous_time;
        if (sample.rule) {
            run.rates = sample.rule->rates().data();
            run.last_arrivals = sample.state.traces.last_arrivals.data();
        }
        run.events = scratch.events.data();
        kernel_.prepare_events(run);
        if (scratch.final) sample.final_memory = sample.state.memory;
    }

    TileRun tile_run(std::size_t s, std::size_t tile) {
        SampleRun& sample = samples_[s];
        SampleScratch& scratch = scratch_[s];
        const Dense& connection = layer_.connection();
        TileRun run{};
        run.shared = layer_.shared().data();
        run.neurons = layer_.neurons();
        run.hot = layer_.hot();
        run.state = sample.state.values.data();
        run.memory = sample.state.memory.data();
        run.stride = layer_.padded_neurons();
        run.first_neuron = tiles_[tile].first_neuron;
        run.n_vectors = tiles_[tile].n_vectors;
        run.n_neurons = connection.n_neurons();
        run.weights = connection.data();
        run.weight_stride = connection.stride();
        run.events = scratch.events.data();
        run.n_events = static_cast<std::int64_t>(scratch.last - scratch.first);
        run.last_time = scratch.previous_time;
        run.emit_from = sample.from;
        run.emit_until = std::numeric_limits<double>::infinity();
        run.max_spikes_per_instant = options_.max_spikes_per_instant;
        run.emissions = &tile_spikes_[task_index(s, tile)];
        if (layer_.learns()) run.weights = sample.weights.data();
        return run;
    }

    TraceRun trace_run(std::size_t s, std::size_t tile) {
        SampleRun& sample = samples_[s];
        TraceRun run{};
        run.parameters = sample.rule->parameters().data();
        run.rates = sample.rule->rates().data();
        run.neuron_traces = sample.state.traces.neuron.data();
        run.synaptic_traces = sample.state.traces.synaptic.data();
        // A rule that does not learn does not write.
        run.weights = layer_.learns() ? sample.weights.data() : const_cast<std::byte*>(layer_.connection().data());
        run.n_inputs = layer_.connection().n_inputs();
        run.arrivals = sample.state.traces.arrivals.data() + tile * static_cast<std::size_t>(run.n_inputs);
        run.post_times = sample.state.traces.post_times.data();
        return run;
    }

    void run_tile(std::size_t s, std::size_t tile) {
        SampleScratch& scratch = scratch_[s];
        if (!scratch.active) return;
        SampleRun& sample = samples_[s];
        TileRun run = tile_run(s, tile);
        TraceRun traces;
        char message[TileRun::message_bytes] = "";
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
        for (std::size_t k = 0; k < static_cast<std::size_t>(kernel_.n_memory); ++k) {
            const std::size_t begin = k * run.stride + static_cast<std::size_t>(run.first_neuron);
            const std::size_t count = static_cast<std::size_t>(run.n_vectors * kernel_.lanes);
            std::copy_n(sample.state.memory.begin() + static_cast<std::ptrdiff_t>(begin), count,
                        sample.final_memory.begin() + static_cast<std::ptrdiff_t>(begin));
        }
        run.memory = sample.final_memory.data();
        run.emit_until = sample.until;
        check(kernel_.finish(run, sample.until - run.last_time), message);
    }

    /// Runs the events of `sample` up to (not including) `position`; afterwards `run` stands at the last event that
    /// passed.
    void advance_to(TileRun& run, const SampleRun& sample, std::size_t position) {
        const SampleScratch& scratch = scratch_[static_cast<std::size_t>(&sample - samples_.data())];
        run.last_event = static_cast<std::int64_t>(position - scratch.first);
        if (run.last_event == run.first_event) return;
        check(kernel_.run(run), run.message);
        run.first_event = run.last_event;
        run.last_time = sample.times[position - 1];
    }

    void observe(const TileRun& run, SampleRun& sample, const Observation& o) {
        const Probe& probe = probes_[o.probe];
        std::vector<double> durations(o.n_times);
        for (std::size_t t = 0; t < o.n_times; ++t) durations[t] = probe.times[o.first_time + t] - run.last_time;
        double* out = &sample.recorded[o.probe][o.first_time * probe.neurons.size() + o.neuron];
        check(kernel_.observe(run, probe.neurons[o.neuron], durations.data(), static_cast<std::int64_t>(o.n_times),
                              probe.observable, out, probe.neurons.size()),
              run.message);
    }

    void end_chunk(std::size_t s) {
        SampleScratch& scratch = scratch_[s];
        if (!scratch.active) return;
        SampleRun& sample = samples_[s];
        const std::span<SpikeBuffer> of_sample(&tile_spikes_[task_index(s, 0)], tiles_.size());
        append_sorted(sample.spikes, of_sample, scratch.last - scratch.first + 1);
        for (SpikeBuffer& tile : of_sample) tile.size = 0;
        if (scratch.final) {
            sample.spikes.order_ties();
            scratch.active = false;
            if (!sample.times.empty()) sample.state.last_event = sample.times.back();
        }
    }

    void plan_observations() {
        if (probes_.empty()) return;
        std::vector<std::size_t> tile_of(layer_.padded_neurons());
        for (std::size_t tile = 0; tile < tiles_.size(); ++tile) {
            const auto first = tile_of.begin() + tiles_[tile].first_neuron;
            std::fill(first, first + tiles_[tile].n_vectors * kernel_.lanes, tile);
        }
        for (std::size_t s = 0; s < samples_.size(); ++s) {
            for (const Observation& o : observations_of(probes_, samples_[s].times)) {
                const std::int32_t n = probes_[o.probe].neurons[o.neuron];
                observations_[task_index(s, tile_of[static_cast<std::size_t>(n)])].push_back(o);
            }
        }
    }

    void check(const TileResult& result, const char* message) const { check_result(result, options_, message); }

    std::size_t task_index(std::size_t s, std::size_t tile) const { return s * tiles_.size() + tile; }

    const DenseLayer& layer_;
    const NeuronKernel& kernel_;
    const std::vector<TileRange>& tiles_;
    std::span<SampleRun> samples_;
    std::span<const Probe> probes_;
    const RunOptions& options_;
    Interruption& interruption_;
    std::vector<SampleScratch> scratch_;
    std::vector<SpikeBuffer> tile_spikes_;                ///< [sample][tile]
    std::vector<std::vector<Observation>> observations_;  ///< [sample][tile], ascending in position
    std::size_t n_chunks_ = 1;
    int threads_ = 1;
};

}  // namespace

void run_dense(const DenseLayer& layer, std::span<SampleRun> samples, std::span<const Probe> probes,
               const RunOptions& options, Interruption& interruption) {
    DenseRun(layer, samples, probes, options, interruption).run();
}

}  // namespace evsim
