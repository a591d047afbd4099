#include "engine/sparse_forward.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "engine/emissions.hpp"

namespace evsim {

namespace {

/// Input spikes whose runs are planned before the kernel goes over them; between, the call may be interrupted.
constexpr std::size_t events_at_once = 256;
/// Fewer synaptic events than this are not worth starting a thread for.
constexpr double events_worth_a_thread = 4e5;

/// Rows of output pixels of one sample: what one task computes.
struct Band {
    std::size_t sample;
    std::int32_t first_row, last_row;
};

class SparseTask {
 public:
    SparseTask(const ConvLayer& layer, SampleRun& sample, const Band& band, std::span<const Probe> probes,
               const RunOptions& options, Interruption& interruption)
        : layer_(layer),
          connection_(layer.connection()),
          sample_(sample),
          band_(band),
          probes_(probes),
          options_(options),
          interruption_(interruption),
          spread_(layer.channel_stride() * static_cast<std::size_t>(layer.kernel().value_bytes), "weights"),
          run_(sparse_run(layer, sample.state)) {
        spikes_.interruption = &interruption;
        run_.emit_from = sample.from;
        run_.emit_until = std::numeric_limits<double>::infinity();
        run_.max_spikes_per_instant = options.max_spikes_per_instant;
        run_.emissions = &spikes_;
        run_.spread = spread_.data();
        run_.message = message_;
    }

    /// All of the sample; the spikes are left in no order.
    SpikeBuffer run(std::span<const Observation> observations) {
        for (const Observation& o : observations) {
            const std::int32_t neuron = probes_[o.probe].neurons[o.neuron];
            const std::int32_t row = neuron % run_.n_pixels / connection_.output().width;
            if (row < band_.first_row || row >= band_.last_row) continue;
            advance_to(o.position);
            observe(o, neuron);
        }
        advance_to(sample_.times.size());
        finish();
        return std::move(spikes_);
    }

 private:
    void advance_to(std::size_t position) {
        while (done_ < position) {
            const std::size_t end = std::min(position, done_ + events_at_once);
            plan(end);
            run_.groups = groups_.data();
            run_.n_groups = static_cast<std::int64_t>(groups_.size());
            run_.runs = runs_.data();
            run_.n_runs = static_cast<std::int64_t>(runs_.size());
            check_result(layer_.kernel().run_sparse(run_), options_, message_);
            if (interruption_.requested()) throw Interrupted();
        }
    }

    /// Groups of runs of the input spikes up to `end`.
    void plan(std::size_t end) {
        groups_.clear();
        runs_.clear();
        const std::int32_t width = connection_.input().width, pixels = connection_.input().pixels();
        for (; done_ < end; ++done_) {
            const std::int32_t index = sample_.indices[done_], channel = index / pixels, pixel = index % pixels;
            PixelGroup group{sample_.times[done_], 0, 0, connection_.first_channel(channel)};
            connection_.for_each_run(channel, pixel / width, pixel % width, [&](const Conv2d::Run& run) {
                if (run.row < band_.first_row || run.row >= band_.last_row) return;
                sample_.state.touched_rows[static_cast<std::size_t>(run.row)] = 1;
                for (std::int32_t k = 0, count; k < run.count; k += count) {
                    if (group.n_pixels == PixelGroup::most_pixels) {
                        groups_.push_back(group);
                        group.n_runs = group.n_pixels = 0;
                    }
                    count = std::min(run.count - k, PixelGroup::most_pixels - group.n_pixels);
                    runs_.push_back({run.first_pixel + k, count,
                                     run.weights + static_cast<std::size_t>(k) *
                                                       static_cast<std::size_t>(connection_.weight_stride())});
                    ++group.n_runs;
                    group.n_pixels += count;
                }
            });
            if (group.n_runs > 0) groups_.push_back(group);
        }
    }

    /// The dense engine's way to look at a neuron, with the pixel in place of a layer.
    void observe(const Observation& o, std::int32_t neuron) {
        const auto channel = neuron / run_.n_pixels, pixel = neuron % run_.n_pixels;
        const auto at = static_cast<std::size_t>(pixel);
        const auto bytes = static_cast<std::size_t>(layer_.kernel().value_bytes);
        TileRun one{};
        one.shared = run_.shared;
        one.neurons = run_.neurons + at * run_.parameter_step * static_cast<std::size_t>(layer_.kernel().n_neuron);
        one.state = sample_.state.values.data() + at * layer_.channel_stride() * bytes;
        one.stride = run_.stride;
        one.last_time = sample_.state.last_touch[at];
        one.max_spikes_per_instant = run_.max_spikes_per_instant;
        one.emissions = run_.emissions;
        one.message = message_;
        const Probe& probe = probes_[o.probe];
        std::vector<double> durations(o.n_times);
        for (std::size_t t = 0; t < o.n_times; ++t) durations[t] = probe.times[o.first_time + t] - one.last_time;
        double* const out = &sample_.recorded[o.probe][o.first_time * probe.neurons.size() + o.neuron];
        TileResult result =
            layer_.kernel().observe(one, channel, durations.data(), static_cast<std::int64_t>(o.n_times),
                                    probe.observable, out, probe.neurons.size());
        result.neuron = neuron;
        check_result(result, options_, message_);
    }

    void finish() {
        run_.memory = sample_.final_memory.data();
        run_.emit_until = sample_.until;
        const std::int32_t width = connection_.output().width;
        for (std::size_t k = 0; k < static_cast<std::size_t>(layer_.kernel().n_memory); ++k) {
            const std::size_t row = static_cast<std::size_t>(width) * layer_.channel_stride();
            const std::size_t from = k * run_.stride + static_cast<std::size_t>(band_.first_row) * row;
            std::copy_n(sample_.state.memory.data() + from,
                        static_cast<std::size_t>(band_.last_row - band_.first_row) * row, run_.memory + from);
        }
        for (std::int32_t row = band_.first_row; row < band_.last_row; ++row) {
            if (!layer_.fires_untouched() && sample_.state.touched_rows[static_cast<std::size_t>(row)] == 0) continue;
            run_.first_pixel = row * width;
            run_.last_pixel = (row + 1) * width;
            check_result(layer_.kernel().finish_sparse(run_), options_, message_);
        }
        if (interruption_.requested()) throw Interrupted();
    }

    const ConvLayer& layer_;
    const Conv2d& connection_;
    SampleRun& sample_;
    const Band& band_;
    std::span<const Probe> probes_;
    const RunOptions& options_;
    Interruption& interruption_;
    AlignedBuffer spread_;
    SparseRun run_;
    SpikeBuffer spikes_;
    std::vector<PixelGroup> groups_;
    std::vector<PixelRun> runs_;
    std::size_t done_ = 0;  ///< input spikes
    char message_[TileRun::message_bytes] = "";
};

/// Bands of about equal work, more than threads only where there are more samples.
std::vector<Band> plan_bands(const ConvLayer& layer, std::span<const SampleRun> samples, int threads) {
    const auto n_samples = static_cast<int>(samples.size());
    const int wanted = n_samples > 0 ? (threads + n_samples - 1) / n_samples : 1;
    const std::int32_t height = layer.connection().output().height;
    const std::int32_t per_sample = std::clamp(wanted, 1, height);
    std::vector<Band> bands;
    for (std::size_t s = 0; s < samples.size(); ++s) {
        for (std::int32_t b = 0; b < per_sample; ++b) {
            const auto row = [&](std::int32_t k) {
                return static_cast<std::int32_t>(std::int64_t{height} * k / per_sample);
            };
            bands.push_back({s, row(b), row(b + 1)});
        }
    }
    return bands;
}

/// The spikes of all bands of a sample, sorted by (time, index).
SpikeArray merged(std::span<const SpikeBuffer> bands) {
    std::vector<Spike> spikes;
    for (const SpikeBuffer& band : bands) {
        for (const Emission& e : band.spikes()) spikes.push_back({e.neuron, e.time});
    }
    stable_sort_by_time(spikes);
    SpikeArray out;
    out.append(spikes);
    out.order_ties();
    return out;
}

}  // namespace

SparseRun sparse_run(const ConvLayer& layer, LayerState& state) {
    const Conv2d& connection = layer.connection();
    SparseRun run{};
    run.shared = layer.shared().data();
    run.neurons = layer.neurons();
    run.hot = layer.hot();
    run.hot_stride = layer.hot_stride();
    run.parameter_step = layer.parameter_step();
    run.state = state.values.data();
    run.last_touch = state.last_touch.data();
    run.memory = state.memory.data();
    run.stride = layer.places();
    run.channels = connection.output().channels;
    run.channel_stride = connection.channel_stride();
    run.n_pixels = connection.output().pixels();
    run.weights = connection.packed();
    run.weight_stride = connection.weight_stride();
    run.weight_channels = connection.out_per_group();
    return run;
}

void run_sparse(const ConvLayer& layer, std::span<SampleRun> samples, std::span<const Probe> probes,
                const RunOptions& options, Interruption& interruption) {
    double events = 0.0;
    std::vector<std::vector<Observation>> observations(samples.size());
    for (std::size_t s = 0; s < samples.size(); ++s) {
        SampleRun& sample = samples[s];
        events += static_cast<double>(sample.times.size());
        observations[s] = observations_of(probes, sample.times);
        sample.final_memory.resize(sample.state.memory.size());
        for (const Probe& probe : probes) sample.recorded.emplace_back(probe.times.size() * probe.neurons.size());
    }
    const Conv2dSettings& settings = layer.connection().settings();
    const double taps = static_cast<double>(settings.kernel.y) * settings.kernel.x /
                        (settings.transposed ? 1.0 : static_cast<double>(settings.stride.y) * settings.stride.x);
    const double work = events * taps * static_cast<double>(layer.channel_stride());
    const int threads =
        static_cast<int>(std::clamp(work / events_worth_a_thread, 1.0, static_cast<double>(options.threads)));
    const std::vector<Band> bands = plan_bands(layer, samples, threads);
    std::vector<SpikeBuffer> spikes(bands.size());
    parallel_for(static_cast<std::int64_t>(bands.size()), threads, interruption, [&](std::int64_t task) {
        const Band& band = bands[static_cast<std::size_t>(task)];
        spikes[static_cast<std::size_t>(task)] =
            SparseTask(layer, samples[band.sample], band, probes, options, interruption).run(observations[band.sample]);
    });
    const std::size_t per_sample = samples.empty() ? 1 : bands.size() / samples.size();
    for (std::size_t s = 0; s < samples.size(); ++s) {
        samples[s].spikes = merged(std::span(spikes).subspan(s * per_sample, per_sample));
        if (!samples[s].times.empty()) samples[s].state.last_event = samples[s].times.back();
    }
}

}  // namespace evsim
