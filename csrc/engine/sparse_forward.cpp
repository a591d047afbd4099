#include "engine/sparse_forward.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "engine/emissions.hpp"

namespace evsim {

namespace {

/// Input spikes whose runs are planned before the kernel goes over them; between, the call may be interrupted.
constexpr std::size_t events_at_once = 256;

/// Rows of output pixels of one sample: what one task computes.
struct Band {
    std::size_t sample;
    std::int32_t first_row, last_row;
};

class SparseTask {
 public:
    SparseTask(const Population& population, std::span<const std::shared_ptr<Projection>> projections, Sample& sample,
               const Band& band, std::span<const Probe> probes, const CallLimits& limits, Interruption& interruption)
        : population_(population),
          image_(*population.layout().image()),
          projections_(projections),
          sample_(sample),
          band_(band),
          probes_(probes),
          limits_(limits),
          interruption_(interruption),
          spread_(
              population.layout().channel_stride() * static_cast<std::size_t>(population.kernel().info.weight_bytes),
              "weights"),
          run_(sparse_run(population, sample.state)) {
        spikes_.interruption = &interruption;
        run_.emit_from = sample.from;
        run_.emit_until = std::numeric_limits<double>::infinity();
        run_.max_spikes_per_instant = limits.max_spikes_per_instant;
        run_.emissions = &spikes_;
        run_.spread = spread_.data();
        run_.message = message_;
    }

    /// All of the sample; the spikes are left in no order.
    SpikeBuffer run(std::span<const Observation> observations) {
        for (const Observation& o : observations) {
            const std::int32_t neuron = probes_[o.probe].neurons[o.neuron];
            const std::int32_t row = neuron % run_.n_pixels / image_.width;
            if (row < band_.first_row || row >= band_.last_row) continue;
            advance_to(o.position);
            observe(o, neuron);
        }
        advance_to(sample_.inputs.size());
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
            run_.stretches = stretches_.data();
            run_.n_stretches = static_cast<std::int64_t>(stretches_.size());
            check_result(population_.kernel().sparse->run(run_), limits_, message_);
            if (interruption_.requested()) throw Interrupted();
        }
    }

    /// Groups of stretches that the input spikes up to `end` reach.
    void plan(std::size_t end) {
        groups_.clear();
        stretches_.clear();
        const std::span<const std::int32_t> projections = sample_.inputs.projections;
        for (; done_ < end; ++done_) {
            const std::size_t p = projections.empty() ? 0 : static_cast<std::size_t>(projections[done_]);
            plan_spike(*projections_[p]->conv(), projections_[p]->port(), sample_.inputs.indices[done_],
                       sample_.inputs.times[done_]);
        }
    }

    void plan_spike(const Conv2d& connection, std::int32_t port, std::int32_t index, double time) {
        const std::int32_t width = connection.input().width, pixels = connection.input().pixels();
        const std::int32_t channel = index / pixels, pixel = index % pixels;
        const std::size_t bytes_of_pixel =
            static_cast<std::size_t>(connection.weight_stride()) * static_cast<std::size_t>(connection.value_bytes());
        const std::int32_t first_channel = connection.first_channel(channel),
                           weight_stride = connection.weight_stride(), weight_channels = connection.out_per_group();
        // In its place, member by member: copied from the stack at once, it would wait for the stores before.
        const auto begin_group = [&]() -> PixelGroup& {
            PixelGroup& group = groups_.emplace_back();
            group.time = time;
            group.n_stretches = group.n_pixels = 0;
            group.first_channel = first_channel;
            group.weight_stride = weight_stride;
            group.weight_channels = weight_channels;
            group.port = port;
            return group;
        };
        PixelGroup* group = &begin_group();
        connection.for_each_stretch(channel, pixel / width, pixel % width, [&](const Conv2d::Stretch& reached) {
            if (reached.row < band_.first_row || reached.row >= band_.last_row) return;
            sample_.state.touched_rows[static_cast<std::size_t>(reached.row)] = 1;
            const std::byte* const weights =
                connection.packed() + reached.weights * static_cast<std::size_t>(connection.value_bytes());
            for (std::int32_t k = 0, count; k < reached.count; k += count) {
                if (group->n_pixels == PixelGroup::most_pixels) group = &begin_group();
                count = std::min(reached.count - k, PixelGroup::most_pixels - group->n_pixels);
                stretches_.push_back(
                    {reached.first_pixel + k, count, weights + static_cast<std::size_t>(k) * bytes_of_pixel});
                ++group->n_stretches;
                group->n_pixels += count;
            }
        });
        if (group->n_stretches == 0) groups_.pop_back();
    }

    /// The dense engine's way to look at a neuron, with the pixel in place of a layer.
    void observe(const Observation& o, std::int32_t neuron) {
        const auto channel = neuron / run_.n_pixels, pixel = neuron % run_.n_pixels;
        const auto at = static_cast<std::size_t>(pixel);
        const auto bytes = static_cast<std::size_t>(population_.kernel().info.state_bytes);
        TileRun one{};
        one.shared = run_.shared;
        one.neurons =
            run_.neurons + at * run_.parameter_step * static_cast<std::size_t>(population_.kernel().info.n_neuron);
        one.state = sample_.state.values.data() + at * population_.layout().channel_stride() * bytes;
        one.stride = run_.stride;
        one.releases = sample_.state.releases.data() +
                       (population_.kernel().info.holds ? 2 * at * population_.layout().channel_stride() : 0);
        one.last_time = sample_.state.last_touch[at];
        one.max_spikes_per_instant = run_.max_spikes_per_instant;
        one.emissions = run_.emissions;
        one.message = message_;
        const Probe& probe = probes_[o.probe];
        std::vector<double> durations(o.n_times);
        for (std::size_t t = 0; t < o.n_times; ++t) durations[t] = probe.times[o.first_time + t] - one.last_time;
        double* const out = &sample_.recorded[o.probe][o.first_time * probe.neurons.size() + o.neuron];
        TileResult result =
            population_.kernel().sparse->observe(one, channel, durations.data(), static_cast<std::int64_t>(o.n_times),
                                                 probe.observable, out, probe.neurons.size());
        result.neuron = neuron;
        check_result(result, limits_, message_);
    }

    void finish() {
        run_.memory = sample_.final_memory.data();
        run_.emit_until = sample_.until;
        const std::int32_t width = image_.width;
        for (std::size_t k = 0; k < static_cast<std::size_t>(population_.kernel().info.n_memory); ++k) {
            const std::size_t row = static_cast<std::size_t>(width) * population_.layout().channel_stride();
            const std::size_t from = k * run_.stride + static_cast<std::size_t>(band_.first_row) * row;
            std::copy_n(sample_.state.memory.data() + from,
                        static_cast<std::size_t>(band_.last_row - band_.first_row) * row, run_.memory + from);
        }
        for (std::int32_t row = band_.first_row; row < band_.last_row; ++row) {
            if (!population_.fires_untouched() && sample_.state.touched_rows[static_cast<std::size_t>(row)] == 0)
                continue;
            run_.first_pixel = row * width;
            run_.last_pixel = (row + 1) * width;
            check_result(population_.kernel().sparse->finish(run_), limits_, message_);
        }
        if (interruption_.requested()) throw Interrupted();
    }

    const Population& population_;
    const ImageShape image_;
    std::span<const std::shared_ptr<Projection>> projections_;
    Sample& sample_;
    const Band& band_;
    std::span<const Probe> probes_;
    const CallLimits& limits_;
    Interruption& interruption_;
    AlignedBuffer spread_;
    SparseRun run_;
    SpikeBuffer spikes_;
    std::vector<PixelGroup> groups_;
    std::vector<PixelStretch> stretches_;
    std::size_t done_ = 0;  ///< input spikes
    char message_[TileRun::message_bytes] = "";
};

/// Bands of about equal work, more than threads only where there are more samples.
std::vector<Band> plan_bands(std::int32_t height, std::span<const Sample> samples, int threads) {
    const auto n_samples = static_cast<int>(samples.size());
    const int wanted = n_samples > 0 ? (threads + n_samples - 1) / n_samples : 1;
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

/// Neurons that an input spike reaches, on average.
double reach(const Conv2d& connection) {
    const Conv2dSettings& settings = connection.settings();
    return static_cast<double>(settings.kernel.y) * settings.kernel.x * connection.channel_stride() /
           (settings.transposed ? 1.0 : static_cast<double>(settings.stride.y) * settings.stride.x);
}

class SparseForward final : public Run {
 public:
    SparseForward(const Population& population, std::span<const std::shared_ptr<Projection>> projections,
                  std::size_t n_samples)
        : Run(n_samples), population_(population), projections_(projections.begin(), projections.end()) {}

    void advance(std::span<const Probe> probes, const CallLimits& limits, Interruption& interruption) override {
        for (const auto& projection : projections_) projection->conv()->pack();
        double events = 0.0, most = 0.0;
        std::vector<std::vector<Observation>> observations(samples.size());
        for (std::size_t s = 0; s < samples.size(); ++s) {
            Sample& sample = samples[s];
            events += static_cast<double>(sample.inputs.size());
            observations[s] = observations_of(probes, sample.inputs.times);
            sample.final_memory.resize(sample.state.memory.size());
            for (const Probe& probe : probes) sample.recorded.emplace_back(probe.times.size() * probe.neurons.size());
        }
        for (const auto& projection : projections_) most = std::max(most, reach(*projection->conv()));
        const int threads = static_cast<int>(
            std::clamp(events * most / events_worth_a_thread, 1.0, static_cast<double>(limits.threads)));
        const std::vector<Band> bands = plan_bands(population_.layout().image()->height, samples, threads);
        std::vector<SpikeBuffer> spikes(bands.size());
        parallel_for(static_cast<std::int64_t>(bands.size()), threads, interruption, [&](std::int64_t task) {
            const Band& band = bands[static_cast<std::size_t>(task)];
            SparseTask one(population_, projections_, samples[band.sample], band, probes, limits, interruption);
            spikes[static_cast<std::size_t>(task)] = one.run(observations[band.sample]);
        });
        const std::size_t per_sample = samples.empty() ? 1 : bands.size() / samples.size();
        for (std::size_t s = 0; s < samples.size(); ++s) {
            Sample& sample = samples[s];
            sample.spikes = merged(std::span(spikes).subspan(s * per_sample, per_sample));
            if (sample.inputs.size() > 0) sample.state.last_event = sample.inputs.times.back();
        }
    }

 private:
    const Population& population_;
    std::vector<std::shared_ptr<Projection>> projections_;
};

}  // namespace

std::unique_ptr<Run> sparse_forward(const Population& population,
                                    std::span<const std::shared_ptr<Projection>> projections, std::size_t n_samples) {
    return std::make_unique<SparseForward>(population, projections, n_samples);
}

}  // namespace evsim
